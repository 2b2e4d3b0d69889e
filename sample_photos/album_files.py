"""The files of a folder or a zip file, each with the function that reads its content."""

from __future__ import annotations

import functools
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sample_photos.keys import key_of_path, key_of_zip_entry
from sample_photos.skipped import SkippedFileError, SkippedFiles

MOST_BYTES = 256 * 1024 * 1024
"""Maximum size of a file. An entry of a zip file may claim any size."""

ENCRYPTED = 0x1
UTF_8 = 0x800
DOS_FOLDER = 0x10
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, ValueError, OverflowError),
    *(RuntimeError, MemoryError),
)
"""What `zipfile` raises for a damaged entry, besides NotImplementedError."""


@dataclass(frozen=True)
class AlbumFile:
    """A file of an album.

    Attributes
    ----------
    key : str
        The key in the bucket, relative to the prefix of the photos.
    name : str
        The name in the album, for messages.
    read : callable
        Returns the content. Raises SkippedFileError if it cannot be read.
    """

    key: str
    name: str
    read: Callable[[], bytes]


def files_of_folder(folder: Path, skipped: SkippedFiles) -> Iterator[AlbumFile]:
    """Yield the files below a folder. Links to files are followed, links to folders are not."""

    def not_listed(error: OSError) -> None:
        skipped.add(str(error.filename), "folder that cannot be read")

    for at, folders, names in os.walk(folder, onerror=not_listed):
        for name in (*folders, *names):
            path = Path(at, name)
            relative = path.relative_to(folder).as_posix()
            try:
                if _is_file(path):
                    yield AlbumFile(key_of_path(relative), relative, functools.partial(_read_file, path))
            except SkippedFileError as reason:
                skipped.add(relative, str(reason))


def _is_file(path: Path) -> bool:
    """Return whether the path is a file, and False for a folder that `os.walk` enters."""
    is_link = path.is_symlink()
    try:
        found = path.stat()
    except OSError:
        raise SkippedFileError("broken link" if is_link else "file that cannot be read") from None
    if stat.S_ISDIR(found.st_mode):
        if is_link:
            raise SkippedFileError("link to a folder")
        return False
    if not stat.S_ISREG(found.st_mode):
        raise SkippedFileError("pipe, socket or device")
    if found.st_size > MOST_BYTES:
        raise SkippedFileError("file over 256 MiB")
    return True


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise SkippedFileError("file that cannot be read") from None


def files_of_zip(archive: zipfile.ZipFile, skipped: SkippedFiles) -> Iterator[AlbumFile]:
    """Yield the files of a zip file."""
    for entry in archive.infolist():
        name = _name(entry)
        if name.endswith(("/", "\\")) or entry.external_attr & DOS_FOLDER:
            continue
        try:
            _check_entry(entry)
            yield AlbumFile(key_of_zip_entry(name), name, functools.partial(_read_entry, archive, entry))
        except SkippedFileError as reason:
            skipped.add(name, str(reason))


def _name(entry: zipfile.ZipInfo) -> str:
    """Return the name of an entry. `zipfile` decodes a name without the flag for UTF-8 as code page 437.

    Many tools write UTF-8 without the flag. A text in another encoding is almost never valid UTF-8.
    """
    if entry.flag_bits & UTF_8:
        return entry.orig_filename
    try:
        return entry.orig_filename.encode("cp437").decode()
    except UnicodeError:
        return entry.orig_filename


def _check_entry(entry: zipfile.ZipInfo) -> None:
    mode = stat.S_IFMT(entry.external_attr >> 16)
    if stat.S_ISLNK(mode):
        raise SkippedFileError("link in the zip file")
    if mode not in (0, stat.S_IFREG):
        raise SkippedFileError("pipe, socket or device")
    if entry.flag_bits & ENCRYPTED:
        raise SkippedFileError("encrypted entry")
    if entry.file_size > MOST_BYTES:
        raise SkippedFileError("file over 256 MiB")


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    try:
        return archive.read(entry)
    except NotImplementedError:
        raise SkippedFileError("compression that Python cannot read") from None
    except DAMAGED:
        raise SkippedFileError("damaged entry") from None
