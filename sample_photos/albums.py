"""Albums of photos: a folder or a zip file, and its upload to a bucket."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import obstore
from obstore import exceptions
from obstore.store import S3Store

from sample_photos.album_files import DAMAGED, AlbumFile, files_of_folder, files_of_zip
from sample_photos.keys import check_is_photo
from sample_photos.skipped import SkippedFileError, SkippedFiles, printable

CONNECTIONS = 16
#: Maximum number of files that the upload holds in memory, and their size in bytes. One file may exceed the size.
UPLOADS_AT_ONCE = 256
BYTES_AT_ONCE = 64 * 1024 * 1024

NEITHER = "expected a folder or a zip file of <label>/<photo>, found neither"


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
        True for the album of drawn photos: its name is that of its folder, without a suffix. Its hidden files are
        uploaded too, because the DAG ignores them.
    skipped : SkippedFiles
        The files that the last iteration over `files` left out.
    """

    source: Path
    limit: int | None = None
    drawn: bool = False
    skipped: SkippedFiles = field(default_factory=SkippedFiles, compare=False, repr=False)

    @property
    def name(self) -> str:
        """Name for a bucket: lower case letters, digits and hyphens. Different sources have different names."""
        words = "".join(char if char.isalnum() and char.isascii() else " " for char in self.source.stem.lower()).split()
        title = "-".join([*words, *([str(self.limit)] if self.limit else [])])[:43].strip("-") or "photos"
        if self.drawn:
            return title
        return f"{title}-{hashlib.sha256(os.fsencode(os.path.realpath(self.source))).hexdigest()[:6]}"

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield (key, content) of each file, sorted by key. Keys are relative to the prefix of the photos.

        `skipped` collects what cannot be uploaded.

        Raises
        ------
        AlbumError
            When the source does not exist, cannot be read, is neither a folder nor a zip file, or holds no photos.
        """
        self.skipped.clear()
        if self._is_folder():
            yield from self._contents(files_of_folder(self.source, self.skipped))
        else:
            with self._open_zip() as archive:
                yield from self._contents(files_of_zip(archive, self.skipped))

    def check(self) -> None:
        """Raise AlbumError when the source does not exist, cannot be read, or is neither a folder nor a zip file."""
        if not self._is_folder():
            self._open_zip().close()

    def _is_folder(self) -> bool:
        """Return whether the source is a folder, and not whether it is a file. A pipe is never opened."""
        try:
            mode = self.source.stat().st_mode
            if stat.S_ISDIR(mode):
                os.scandir(self.source).close()
                return True
        except (FileNotFoundError, NotADirectoryError):
            raise self._error("no such file or folder") from None
        except OSError as error:
            raise self._error(f"cannot be read ({error.strerror})") from None
        if not stat.S_ISREG(mode):
            raise self._error(NEITHER)
        return False

    def _open_zip(self) -> zipfile.ZipFile:
        try:
            with self.source.open("rb") as content:
                is_zip = zipfile.is_zipfile(content)
        except OSError as error:
            raise self._error(f"cannot be read ({error.strerror})") from None
        if not is_zip:
            raise self._error(NEITHER)
        try:
            return zipfile.ZipFile(self.source)
        except (*DAMAGED, NotImplementedError) as error:
            raise self._error(f"the zip file is damaged ({printable(str(error))}); copy or create it again") from None

    def _contents(self, found: Iterable[AlbumFile]) -> Iterator[tuple[str, bytes]]:
        count = 0
        for file in self._chosen(found):
            try:
                content = file.read()
            except SkippedFileError as reason:
                self.skipped.add(file.name, str(reason))
                continue
            count += 1
            yield file.key, content
        if not count:
            raise self._error("holds no <label>/<photo>" + (f"; {self.skipped}" if self.skipped else ""))

    def _chosen(self, found: Iterable[AlbumFile]) -> list[AlbumFile]:
        """Return the files to read, sorted by key. Of two files with one key, the last one counts."""
        files: dict[str, AlbumFile] = {}
        for file in found:
            try:
                if not self.drawn:
                    check_is_photo(file.key)
            except SkippedFileError as reason:
                self.skipped.add(file.name, str(reason))
                continue
            if file.key in files:
                self.skipped.add(files[file.key].name, "name that occurs twice")
            files[file.key] = file
        folders = {str(folder) for key in files for folder in PurePosixPath(key).parents}
        for key in folders & set(files):
            self.skipped.add(files.pop(key).name, "name of a file and of a folder")
        ordered = [files[key] for key in sorted(files)]
        if self.limit is None or self.limit >= len(ordered):
            return ordered
        return [ordered[index * len(ordered) // self.limit] for index in range(self.limit)]

    def _error(self, text: str) -> AlbumError:
        return AlbumError(f"IMAGES={printable(self.source)}: {text}")


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
        try:
            obstore.put(store, key, content)
        except (exceptions.BaseError, OSError, ValueError) as error:
            raise AlbumError(f"{printable(key)}: cannot be uploaded: {str(error).splitlines()[0]}") from None
        return True

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for batch in _batches(album.files()):
            sent += sum(pool.map(send, batch))
        list(pool.map(lambda key: obstore.delete(store, key), set(etags) - kept))
    return sent


def _batches(files: Iterable[tuple[str, bytes]]) -> Iterator[list[tuple[str, bytes]]]:
    batch: list[tuple[str, bytes]] = []
    held = 0
    for name, content in files:
        batch.append((name, content))
        held += len(content)
        if len(batch) == UPLOADS_AT_ONCE or held >= BYTES_AT_ONCE:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch
