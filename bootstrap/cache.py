"""A cache of folders that take long to build, by a key of everything that determines their content."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from bootstrap import manifest


class Cache:
    """Folders `<root>/<kind>/<key>/`. Each is complete or absent, even if several processes write at the same time."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """Return the folder of a key. `make` fills a new folder if there is none or if its files were changed."""
        final = self.root / kind / key
        if (final / manifest.NAME).exists():
            try:
                manifest.verify(final, sha256=manifest.file_sha256(final / manifest.NAME))
                return final
            except manifest.ManifestError:
                pass
        shutil.rmtree(final, ignore_errors=True)
        final.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=final.parent, prefix=".making-", ignore_cleanup_errors=True) as temporary:
            folder = Path(temporary) / "folder"
            folder.mkdir()
            make(folder)
            (folder / manifest.NAME).write_bytes(manifest.of_folder(folder, "", "").encode())
            install(folder, final)
        return final


def install(folder: Path, final: Path) -> None:
    """Rename a complete folder to its final name. If another process was faster, keep the folder of that process."""
    try:
        folder.rename(final)
    except OSError:
        if not (final / manifest.NAME).exists():
            raise
