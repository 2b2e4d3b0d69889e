"""Opens TIFF files whose first page has an accepted pixel type."""

from __future__ import annotations

import io
import struct

from PIL import ExifTags, Image, TiffImagePlugin

from verger_photo.formats.accepted import check
from verger_photo.formats.opened import Opened
from verger_photo.formats.tiff.directory import INTEGERS, Directory
from verger_photo.formats.tiff.pages import first_page
from verger_photo.formats.tiff.pixel_type import pixel_type
from verger_photo.orientation import UPRIGHT, valid

ORIENTATION = 274

# libtiff decodes uncompressed files too. Pillow's own decoder takes 16-bit samples in planes for 8-bit ones.
TiffImagePlugin.READ_LIBTIFF = True


def opened(content: bytes) -> Opened:
    """Open the first page of a TIFF file. Its pixels stay as stored.

    Pillow turns a TIFF image when it loads it, and no image of another format. Verger turns all of them at one place,
    so that the tag Orientation is set to 1 in a copy of the file.

    Raises
    ------
    UnreadablePhoto
        The file is damaged, its first page is not the photo, or its pixel type is not accepted.
    """
    page = first_page(content)
    check(pixel_type(page))
    orientation = _orientation(page)
    if orientation != UPRIGHT:
        entry, copy = page.entries[ORIENTATION], bytearray(content)
        struct.pack_into(page.order + INTEGERS[entry.kind], copy, entry.position, UPRIGHT)
        content = bytes(copy)
    image = Image.open(io.BytesIO(content), formats=("TIFF",))
    image.getexif()[ExifTags.Base.Orientation] = UPRIGHT  # else Pillow takes the orientation of XMP
    return Opened(image, orientation)


def _orientation(page: Directory) -> int:
    entry = page.entries.get(ORIENTATION)
    return valid(page.integer(ORIENTATION, UPRIGHT)) if entry and entry.count == 1 and entry.kind in (3, 4) else UPRIGHT
