"""The lock files of requirements/: one for each Python environment, with exact versions and hashes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".verger"
REQUIREMENTS = ROOT / "requirements"
PYTHON_3_12 = {"airflow-mwaa"}
"""The environments of Python 3.12. All others have Python 3.11."""

_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_REQUIRED_BY = re.compile(r"^\s+#\s+(?:via\s+)?(?!via$)([A-Za-z0-9][\w.-]*)$")


class LockError(ValueError):
    """A lock file is missing or is not what `make lock` writes. The message names file and line."""


@dataclass(frozen=True)
class Pin:
    """One package of a lock file.

    Attributes
    ----------
    name : str
        The normalized name (PEP 503).
    version : str
    sha256 : tuple of str
        The SHA-256 of each file that may be installed, in hex.
    required_by : tuple of str
        The normalized names of the packages of the same file that require it. Empty for a package that only the `.in`
        file names.
    """

    name: str
    version: str
    sha256: tuple[str, ...]
    required_by: tuple[str, ...]


def environments() -> list[str]:
    """Return the names of the environments that have a lock file, sorted."""
    return sorted(path.stem for path in REQUIREMENTS.glob("*.txt"))


def lock_file(environment: str) -> Path:
    """Return the path of the lock file of an environment.

    Raises
    ------
    LockError
        There is none.
    """
    path = REQUIREMENTS / f"{environment}.txt"
    if not path.is_file():
        raise LockError(f"{environment}: no such environment; requirements/ has {', '.join(environments())}")
    return path


def read(path: Path) -> list[Pin]:
    """Return the packages of a lock file, in its order.

    Raises
    ------
    LockError
        A line is neither a comment nor a package with an exact version and a hash.
    """
    pins: list[Pin] = []
    name = version = ""
    hashes: list[str] = []
    parents: list[str] = []

    def close(number: int) -> None:
        if name and not hashes:
            raise LockError(f"{path}:{number}: {name} has no hash; run `make lock`")
        if name:
            pins.append(Pin(name, version, tuple(hashes), tuple(parents)))

    for number, line in enumerate([*path.read_text().splitlines(), ""], start=1):
        if found := _PIN.match(line):
            close(number)
            name, version, hashes, parents = normalized(found[1]), found[2], [], []
        elif found := _HASH.search(line):
            hashes.append(found[1])
        elif found := _REQUIRED_BY.match(line):
            parents.append(normalized(found[1]))
        elif line.strip() and not line.lstrip().startswith("#"):
            raise LockError(f"{path}:{number}: expected <package>==<version>, found {line!r}; run `make lock`")
    close(number)
    if not pins:
        raise LockError(f"{path}: no package in this lock file; run `make lock`")
    return pins


def normalized(name: str) -> str:
    """Return the name of a package as in PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()
