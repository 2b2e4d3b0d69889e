"""The photographs of a demo: a folder or a zip file, brought into the bucket."""

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
UPLOADS_AT_ONCE = 256
"""Files held in memory during the upload."""


class AlbumError(Exception):
    """A folder or zip file cannot be used. The message names it and what to do."""


@dataclass(frozen=True)
class Album:
    """A folder or zip of photos; `limit` keeps that many, spread evenly over the sorted names.

    `drawn` is for the one album that the demo makes itself: no other bears its bare name.
    """

    source: Path
    limit: int | None = None
    drawn: bool = False

    @property
    def name(self) -> str:
        """A name for its bucket: lower case letters, digits and hyphens. Different sources have different names, as
        the bucket of one holds exactly the photos of one."""
        words = "".join(char if char.isalnum() and char.isascii() else " " for char in self.source.stem.lower()).split()
        title = "-".join([*words, *([str(self.limit)] if self.limit else [])])[:43].strip("-") or "photos"
        if self.drawn:
            return title
        return f"{title}-{hashlib.sha256(os.fsencode(self.source.resolve())).hexdigest()[:6]}"

    def files(self) -> Iterator[tuple[str, bytes]]:
        """(name, content) of each file, folders in names separated by `/`."""
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
        ordered = sorted(name for name in names if not _is_about_the_set(name))
        if not ordered:
            raise AlbumError(f"IMAGES={self.source}: holds no <label>/<photo>")
        if self.limit is None or self.limit >= len(ordered):
            return ordered
        return [ordered[index * len(ordered) // self.limit] for index in range(self.limit)]


def _is_about_the_set(name: str) -> bool:
    """LICENSE, readme and the like at the top of a set are about its photos, they are none."""
    path = PurePosixPath(name)
    return len(path.parts) == 1 and path.suffix.lower() not in PHOTO_SUFFIXES


def synchronise(store: S3Store, prefix: str, album: Album) -> int:
    """Make `prefix` of the bucket hold exactly the files of the album; the number of files sent.

    What already lies there with the same content (its etag is the MD5) is not sent again.
    """
    there = {
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
        if there.get(key) == hashlib.md5(content, usedforsecurity=False).hexdigest():
            return False
        obstore.put(store, key, content)
        return True

    files = album.files()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        while batch := list(islice(files, UPLOADS_AT_ONCE)):
            sent += sum(pool.map(send, batch))
        list(pool.map(lambda key: obstore.delete(store, key), set(there) - kept))
    return sent
