"""Albums of photos: a folder or a zip file, and its upload to a bucket."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

import obstore
from obstore.store import S3Store

CONNECTIONS = 16
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp")
#: Number of files that the upload holds in memory.
UPLOADS_AT_ONCE = 256


class AlbumError(Exception):
    """A folder or zip file cannot be used. The message names it and what to do."""


@dataclass(frozen=True)
class Album:
    """A folder or a zip file of photos.

    Attributes
    ----------
    source : Path
        The folder or the zip file of <label>/<photo>.
    limit : int, optional
        Number of photos to take, spread evenly over the sorted names. None takes all photos.
    drawn : bool
        True for the album of drawn photos: its name is that of its folder, without a suffix.
    """

    source: Path
    limit: int | None = None
    drawn: bool = False

    @property
    def name(self) -> str:
        """Name for a bucket: lower case letters, digits and hyphens. Different sources have different names."""
        words = "".join(char if char.isalnum() and char.isascii() else " " for char in self.source.stem.lower()).split()
        title = "-".join([*words, *([str(self.limit)] if self.limit else [])])[:43].strip("-") or "photos"
        if self.drawn:
            return title
        return f"{title}-{hashlib.sha256(os.fsencode(self.source.resolve())).hexdigest()[:6]}"

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield (name, content) of each file; `/` separates folders in names.

        Raises
        ------
        AlbumError
            When the source does not exist, is neither a folder nor a zip file, or holds no photos.
        """
        if not self.source.exists():
            raise AlbumError(f"IMAGES={self.source}: no such file or folder")
        if self.source.is_dir():
            yield from self._of_folder()
        elif zipfile.is_zipfile(self.source):
            yield from self._of_zip()
        else:
            raise AlbumError(f"IMAGES={self.source}: expected a folder or a zip file of <label>/<photo>, found neither")

    def _of_folder(self) -> Iterator[tuple[str, bytes]]:
        paths = {path.relative_to(self.source).as_posix(): path for path in self.source.rglob("*") if path.is_file()}
        for name in self._kept(paths):
            yield name, paths[name].read_bytes()

    def _of_zip(self) -> Iterator[tuple[str, bytes]]:
        with zipfile.ZipFile(self.source) as archive:
            for name in self._kept(entry.filename for entry in archive.infolist() if not entry.is_dir()):
                yield name, archive.read(name)

    def _kept(self, names: Iterable[str]) -> list[str]:
        ordered = sorted(name for name in names if not _describes_the_album(name))
        if not ordered:
            raise AlbumError(f"IMAGES={self.source}: holds no <label>/<photo>")
        if self.limit is None or self.limit >= len(ordered):
            return ordered
        return [ordered[index * len(ordered) // self.limit] for index in range(self.limit)]


def _describes_the_album(name: str) -> bool:
    """Return True for a file at the top of an album that is no photo, such as LICENSE or readme.md."""
    path = PurePosixPath(name)
    return len(path.parts) == 1 and path.suffix.lower() not in PHOTO_SUFFIXES


def synchronise(store: S3Store, prefix: str, album: Album) -> int:
    """Make a prefix of a bucket hold exactly the files of an album.

    A key with the same content is not uploaded again: its ETag is the MD5 of the content.

    Returns
    -------
    int
        Number of uploaded files.
    """
    etags = {
        item["path"]: (item["e_tag"] or "").strip('"')
        for batch in obstore.list(store, prefix, chunk_size=1000)
        for item in batch
    }
    kept: set[str] = set()
    sent = 0

    def send(file: tuple[str, bytes]) -> bool:
        name, content = file
        key = prefix + name
        kept.add(key)
        if etags.get(key) == hashlib.md5(content, usedforsecurity=False).hexdigest():
            return False
        obstore.put(store, key, content)
        return True

    files = album.files()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        while batch := list(islice(files, UPLOADS_AT_ONCE)):
            sent += sum(pool.map(send, batch))
        list(pool.map(lambda key: obstore.delete(store, key), set(etags) - kept))
    return sent
