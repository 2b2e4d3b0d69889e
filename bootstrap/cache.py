"""Folders that are expensive to make, kept by a key of all that went into them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from bootstrap import manifest


class Cache:
    """Folders `<root>/<kind>/<key>/`, each complete or absent, whoever else writes there at the same time."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """The folder of a key; `make` fills a new one when there is none, or when the one there was damaged."""
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
    """Rename a complete folder to its final name; keep the one that somebody else finished first."""
    try:
        folder.rename(final)
    except OSError:
        if not (final / manifest.NAME).exists():
            raise
