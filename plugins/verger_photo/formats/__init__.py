"""Formats of image files: which files of each format are accepted, and how they are opened.

Each module reads the header of one format and describes what it finds. `accepted.py` has the table of what is accepted.
"""

from __future__ import annotations

from collections.abc import Callable

from verger_photo.formats import avif, bmp, gif, jpeg, jpeg2000, netpbm, png, webp
from verger_photo.formats.opened import Opened
from verger_photo.formats.signatures import format_of
from verger_photo.formats.tiff import reader as tiff

__all__ = ["OPENERS", "format_of", "opened"]

OPENERS: dict[str, Callable[[bytes], Opened]] = {
    "JPEG": jpeg.opened,
    "PNG": png.opened,
    "GIF": gif.opened,
    "WEBP": webp.opened,
    "TIFF": tiff.opened,
    "BMP": bmp.opened,
    "PPM": netpbm.opened,
    "JPEG2000": jpeg2000.opened,
    "AVIF": avif.opened,
}
"""The opener of each format, by Pillow's name."""


def opened(form: str, content: bytes) -> Opened:
    """Open an image file whose pixel type is accepted.

    Parameters
    ----------
    form : str
        The format, as `format_of` returns it.
    content : bytes

    Raises
    ------
    UnreadablePhoto
        The header is damaged, or the pixel type is not supported.
    """
    return OPENERS[form](content)
