"""Known vulnerabilities of locked packages, by pip-audit."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYPI = ("--vulnerability-service", "pypi")
OSV = ("--vulnerability-service", "osv")
SERVICES = {"pypi": PYPI, "osv": OSV}
"""The options of pip-audit for each service, in the order in which they are tried."""
SECONDS = 1800.0

# A version with a known vulnerability (PYSEC-2021-108), and the hash of its wheel. pip-audit counts a package that a
# service does not know as one without vulnerabilities: a service that does not find this one has no data.
CONTROL = "urllib3==1.26.4 --hash=sha256:2f4da4594db7e1e110a944bb1b551fdf4e6c136ad42e4234131391e21eb5b0df"


class NoDataError(RuntimeError):
    """A service cannot be reached, or it has no data. The message has the reason."""


@dataclass(frozen=True)
class Vulnerability:
    """A known vulnerability of one version of a package. `fixed_in` is empty if no version fixes it."""

    name: str
    version: str
    identifier: str
    fixed_in: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What a service says of lock files. `unknown` has the packages that it does not know, with its reason."""

    vulnerabilities: list[Vulnerability]
    unknown: list[str]


def check(service: Sequence[str]) -> None:
    """Check that a service finds the known vulnerability of CONTROL.

    Raises
    ------
    NoDataError
        It does not.
    """
    with tempfile.TemporaryDirectory() as folder:
        control = Path(folder, "control.txt")
        control.write_text(f"{CONTROL}\n")
        answer = audit([control], service)
    if not answer.vulnerabilities:
        reason = answer.unknown[0] if answer.unknown else "no vulnerability"
        raise NoDataError(f"it does not find the known vulnerability of {CONTROL.split(maxsplit=1)[0]} ({reason})")


def audit(lock_files: Sequence[Path], service: Sequence[str]) -> Answer:
    """Return what a service says of the packages of lock files. Nothing is installed or resolved.

    Raises
    ------
    NoDataError
        pip-audit fails. The message is the last line of its error.
    """
    program = Path(sys.executable).with_name("pip-audit")
    command = [str(program), "--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off",
               *service]  # fmt: skip
    for path in lock_files:
        command += ["--requirement", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    try:
        return _parsed(json.loads(done.stdout)["dependencies"])
    except (ValueError, KeyError, TypeError) as error:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise NoDataError(f"pip-audit ended with code {done.returncode}: {last}") from error


def _parsed(dependencies: Iterable[dict[str, Any]]) -> Answer:
    found, unknown = [], []
    for package in dependencies:
        if "skip_reason" in package:
            unknown.append(str(package["skip_reason"]))
        for entry in package.get("vulns", []):
            fixed_in = tuple(str(version) for version in entry["fix_versions"])
            found.append(Vulnerability(package["name"], package["version"], entry["id"], fixed_in))
    return Answer(found, unknown)
