"""PNG: colour type, depth and transparency, from the chunks before the pixels.

Source: Portable Network Graphics (PNG) Specification, third edition (W3C), section 11.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import Image

from verger_contract.reasons import RejectKind
from verger_photo.formats.accepted import GREY, KEY, OPAQUE, PALETTE, RGB, STRAIGHT, PixelType, check
from verger_photo.formats.opened import Opened, by_pillow
from verger_photo.formats.opened import load as load_by_pillow
from verger_photo.unreadable import UnreadablePhoto

COLOURS = {0: (GREY, OPAQUE), 2: (RGB, OPAQUE), 3: (PALETTE, OPAQUE), 4: (GREY, STRAIGHT), 6: (RGB, STRAIGHT)}


def opened(content: bytes) -> Opened:
    """Open a PNG file. Of an animation, the default image is taken.

    Raises
    ------
    UnreadablePhoto
        The header is damaged, or the pixel type is not accepted.
    """
    found = pixel_type(content)
    check(found)

    def load(image: Image.Image) -> Image.Image:
        load_by_pillow(image)
        key = image.info.get("transparency")
        if found.colour == GREY and found.bits in (2, 4) and isinstance(key, int):
            # Pillow scales the samples to 8 bits, but not the transparent colour.
            image.info["transparency"] = key * 255 // (2**found.bits - 1)
        return image

    return Opened(by_pillow(content, "PNG"), load=load)


def pixel_type(content: bytes) -> PixelType:
    """Return the pixel type of a PNG file.

    Raises
    ------
    UnreadablePhoto
        The first chunk is not the header, or its colour type is unknown.
    """
    if content[12:16] != b"IHDR" or len(content) < 33 or content[25] not in COLOURS:
        raise UnreadablePhoto(RejectKind.DAMAGED_IMAGE, "PNG: no valid header")
    colour, alpha = COLOURS[content[25]]
    if any(name == b"tRNS" for name in chunk_names(content)):
        alpha = STRAIGHT if colour == PALETTE else KEY
    return PixelType("PNG", colour, content[24], alpha)


def chunk_names(content: bytes) -> Iterator[bytes]:
    """Yield the names of the chunks before the pixels."""
    position = 8
    while position + 8 <= len(content):
        length, name = struct.unpack_from(">I4s", content, position)
        if name in (b"IDAT", b"IEND"):
            return
        yield name
        position += 12 + length
