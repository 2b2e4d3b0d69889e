"""The package that the steps import, as the zip that spark-submit takes with --py-files."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

EARLIEST = (1980, 1, 1, 0, 0, 0)


def package_zip(package: Path) -> bytes:
    """A zip of a package's Python files under the package's name; the same files give the same bytes."""
    buffer = io.BytesIO()
    # Stored, not deflated: what zlib makes of the same bytes differs from version to version.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(package.rglob("*.py")):
            entry = zipfile.ZipInfo(path.relative_to(package.parent).as_posix(), EARLIEST)
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # Unix, so that file modes mean the same wherever it was built
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()
