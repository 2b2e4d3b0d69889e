"""What counts as a photo in the bucket, and which label it has."""

from __future__ import annotations

IMAGE_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF")
"""The formats of photos, by Pillow's names.

Pillow reads more formats. For EPS it starts Ghostscript, so that formats outside this list are never opened.
"""

DESKTOP_FILES = frozenset({"thumbs.db", "desktop.ini"})
"""Files that desktops create in folders of pictures, in lower case."""


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


def is_ignored(key: str) -> bool:
    """Whether an object is no photo: a folder marker, a hidden file, or a file of a desktop.

    Every other object becomes a row of features or a row of rejects.

    Examples
    --------
    >>> [is_ignored(key) for key in ("images/Kiwi/.DS_Store", "images/Kiwi/", "images/Kiwi/7.jpg")]
    [True, True, False]
    """
    name = key.rsplit("/", 1)[-1]
    return not name or name.startswith(".") or name.endswith("_$folder$") or name.lower() in DESKTOP_FILES
