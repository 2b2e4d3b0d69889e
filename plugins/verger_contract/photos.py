"""What counts as a photo in the bucket, and which label it has."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow

IMAGE_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF")
"""The formats of photos, by Pillow's names.

Pillow reads more formats. For EPS it starts Ghostscript, so that formats outside this list are never opened.
"""

DESKTOP_FILES = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "picasa.ini", "icon\r"})
"""Files that desktops create in folders of pictures, in lower case."""

SYSTEM_FOLDERS = frozenset(
    {
        "__macosx",  # macOS, in zip files
        "@eadir",  # thumbnails of a Synology server
        "#recycle",  # deleted files: Synology, QNAP, Windows
        "@recycle",
        "$recycle.bin",
        "system volume information",
        "lost+found",
    }
)
"""Folders of operating systems and file servers, in lower case. They hold copies, thumbnails and deleted files."""


TRACES = "|".join(
    [
        r"(^|/)\.",
        "/$",
        r"_\$folder\$$",
        *(f"/{re.escape(name)}(/|$)" for name in sorted(DESKTOP_FILES | SYSTEM_FOLDERS)),
    ]
)
"""A regular expression that finds every key that `is_ignored` ignores, and perhaps others."""


def label_of(path: str, images_prefix: str) -> str | None:
    """Return the name of the folder that holds the photo.

    Parameters
    ----------
    path
        The key of the photo.
    images_prefix
        The part of the key before `<label>/<file>`.

    Returns
    -------
    str or None
        None for a photo that lies directly under the prefix.

    Examples
    --------
    >>> label_of("images/Test/Kiwi/7.jpg", "images/")
    'Kiwi'
    >>> label_of("images/7.jpg", "images/") is None
    True
    """
    folders = path.removeprefix(images_prefix).lstrip("/").split("/")[:-1]
    return (folders[-1] or None) if folders else None


def folder_of(path: str) -> str:
    """Return the folder of a photo. It is the label, but for a photo that lies directly under the prefix.

    The checks use it: it is independent of `label_of`, by which step 1 sets the label.

    Examples
    --------
    >>> folder_of("images/Test/Kiwi/7.jpg"), folder_of("7.jpg")
    ('Kiwi', '')
    """
    return path.split("/")[-2] if "/" in path else ""


HASH_BITS = 128


def digest(path: str) -> int:
    """Return HASH_BITS bits of the BLAKE2b hash of a path. Samples are chosen by it.

    Different paths have different hashes in practice; a comparison of hashes is not meant to withstand forged paths.
    """
    return int.from_bytes(hashlib.blake2b(path.encode(errors="surrogatepass"), digest_size=HASH_BITS // 8).digest())


def is_ignored(key: str, images_prefix: str = "") -> bool:
    """Whether an object is no photo.

    Ignored are folder markers, hidden files, files of a desktop, and everything in hidden folders and system folders.
    Every other object becomes a row of features or a row of rejects. The segments `.` and `..` are not hidden: such a
    key is a reject.

    Parameters
    ----------
    key
        The key of the object, or its path in a folder.
    images_prefix
        The beginning of the key that is not checked: it may have hidden segments.

    Examples
    --------
    >>> [is_ignored(key) for key in ("Kiwi/.DS_Store", "Kiwi/", "Kiwi/.thumbnails/7.jpg", "Kiwi/7.jpg")]
    [True, True, True, False]
    >>> is_ignored(".data/Kiwi/7.jpg", ".data/")
    False
    """
    *folders, name = key.removeprefix(images_prefix).split("/")
    return (
        not name
        or name.endswith("_$folder$")
        or name.lower() in DESKTOP_FILES
        or any(_is_hidden(segment) for segment in (*folders, name))
        or any(folder.lower() in SYSTEM_FOLDERS for folder in folders)
    )


def may_be_ignored(keys: pyarrow.Array) -> list[int]:
    """Return the places of the keys for which `is_ignored` must be called: it ignores no others.

    This check is much faster for many keys. All keys start with a prefix that ends in "/".

    Parameters
    ----------
    keys : pyarrow.StringArray

    Examples
    --------
    >>> import pyarrow
    >>> may_be_ignored(pyarrow.array(["images/A/1.jpg", "images/A/.DS_Store", "images/A/THUMBS.db"]))
    [1, 2]
    """
    import pyarrow.compute

    found = pyarrow.compute.match_substring_regex(keys, TRACES, ignore_case=True)
    places: list[int] = pyarrow.compute.indices_nonzero(found).to_pylist()
    return places


def _is_hidden(segment: str) -> bool:
    return segment.startswith(".") and segment not in (".", "..")
