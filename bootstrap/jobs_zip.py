"""The packages that the steps import, as the zip that spark-submit takes with --py-files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

EARLIEST = (1980, 1, 1, 0, 0, 0)


def package_zip(*packages: Path) -> bytes:
    """A zip of the Python files of packages, under the names of these; the same files give the same bytes."""
    buffer = io.BytesIO()
    # Stored, not deflated: what zlib makes of the same bytes differs from version to version.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        files = [
            (path.relative_to(package.parent).as_posix(), path)
            for package in packages
            for path in package.rglob("*.py")
        ]
        for name, path in sorted(files):
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, so that file modes mean the same wherever it was built
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()
