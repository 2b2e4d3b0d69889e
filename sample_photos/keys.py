"""The key of a file of an album in the bucket, relative to the prefix of the photos. No I/O."""

from __future__ import annotations

import re

from sample_photos.skipped import SkippedFileError

MOST_BYTES = 1000
"""Maximum size of a key in UTF-8. S3 allows 1,024 bytes with the prefix."""

MOST_SEGMENT_BYTES = 255
"""Maximum size of a segment in UTF-8: the local S3 server stores segments as folders."""

DRIVE = re.compile(r"^[A-Za-z]:")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")

HIDDEN_NAMES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "picasa.ini"})
HIDDEN_FOLDERS = frozenset(
    {"__macosx", "@eadir", "#recycle", "@recycle", "$recycle.bin", "system volume information", "lost+found"}
)
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif", ".jp2", ".ppm", ".pgm")


def key_of_zip_entry(name: str) -> str:
    r"""Return the key of an entry of a zip file.

    Some tools for Windows write `\` between folders, a drive letter or a `/` at the beginning.

    Raises
    ------
    SkippedFileError
        See `key_of_path`. A name with `..` leads out of the album.

    Examples
    --------
    >>> [key_of_zip_entry(name) for name in (r"C:\Kiwi\1.jpg", "/Kiwi/1.jpg", "./Kiwi//1.jpg")]
    ['Kiwi/1.jpg', 'Kiwi/1.jpg', 'Kiwi/1.jpg']
    """
    segments = [segment for segment in DRIVE.sub("", name).replace("\\", "/").split("/") if segment not in ("", ".")]
    if ".." in segments:
        raise SkippedFileError("name with ..")
    if not segments:
        raise SkippedFileError("no name")
    return key_of_path("/".join(segments))


def key_of_path(path: str) -> str:
    """Return the key of a file in a folder: its path, relative to the folder.

    Raises
    ------
    SkippedFileError
        The local S3 server or its client does not keep such a key.
    """
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        raise SkippedFileError("name that is not UTF-8") from None
    if CONTROL.search(path):
        raise SkippedFileError("control character in the name")
    if "\\" in path:
        raise SkippedFileError("backslash in the name")
    if len(encoded) > MOST_BYTES or any(len(segment.encode()) > MOST_SEGMENT_BYTES for segment in path.split("/")):
        raise SkippedFileError("name that is too long")
    return path


def check_is_photo(key: str) -> None:
    """Raise SkippedFileError for a file that is no photo by its name.

    These are the files that the DAG ignores (`is_ignored` in `plugins/verger_contract/photos.py`), files at the top of
    an album such as LICENSE, and zip files.
    """
    *folders, name = key.split("/")
    if any(segment.startswith(".") for segment in (*folders, name)) or HIDDEN_FOLDERS & {
        folder.lower() for folder in folders
    }:
        raise SkippedFileError("hidden file or folder")
    if name.lower() in HIDDEN_NAMES or name.endswith("_$folder$"):
        raise SkippedFileError("file of a desktop or a file server")
    if name.lower().endswith(".zip"):
        raise SkippedFileError("zip file in the album")
    if not folders and not name.lower().endswith(PHOTO_SUFFIXES):
        raise SkippedFileError("no photo, at the top of the album")
