"""The release dates of locked packages, and their newest versions, as uv reads them from the package index."""

from __future__ import annotations

import subprocess
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from dependencies.locks import STATE

UV = STATE / "venv" / "uv" / "bin" / "uv"
SECONDS = 300.0


class IndexUnreachableError(RuntimeError):
    """uv cannot read the package index. The message is that of uv."""


@dataclass(frozen=True)
class Release:
    """A version of a package, and the day on which its first file was uploaded. None: the index does not say."""

    version: str
    day: date | None


def releases(requirements: Iterable[str], python: str) -> dict[str, Release]:
    """Return the chosen release of each requirement, by name, without dependencies.

    Parameters
    ----------
    requirements : iterable of str
        `name==version` for a locked package, `name` for its newest version.
    python : str
        The version of Python that the packages must support.

    Raises
    ------
    IndexUnreachableError
        uv cannot read the index, or a version is not in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        wanted, lock = Path(folder, "wanted.in"), Path(folder, "pylock.toml")
        wanted.write_text("\n".join(requirements) + "\n")
        command = [str(UV), "pip", "compile", "--quiet", "--no-deps", "--universal", "--python-version", python,
                   "--format", "pylock.toml", "--output-file", str(lock), str(wanted)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode != 0:
            raise IndexUnreachableError(done.stderr.strip())
        packages: list[Mapping[str, Any]] = tomllib.loads(lock.read_text())["packages"]
    return {str(package["name"]): Release(str(package["version"]), _day(package)) for package in packages}


def _day(package: Mapping[str, Any]) -> date | None:
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    times = [file["upload-time"] for file in files if isinstance(file.get("upload-time"), datetime)]
    return min(times).date() if times else None
