"""Builds the zip of the packages that the steps import, for the option --py-files of spark-submit."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

EARLIEST = (1980, 1, 1, 0, 0, 0)


def package_zip(*packages: Path) -> bytes:
    """Return a zip of the Python files of some packages. The same files give the same bytes."""
    buffer = io.BytesIO()
    # The files are stored, not compressed, because versions of zlib compress the same bytes differently.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        files = [
            (path.relative_to(package.parent).as_posix(), path)
            for package in packages
            for path in package.rglob("*.py")
        ]
        for name, path in sorted(files):
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, on every machine that builds the zip
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()
