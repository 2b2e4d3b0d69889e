"""BMP: depth, compression and masks, from the header.

Source: the structures BITMAPINFOHEADER, BITMAPV4HEADER and BITMAPV5HEADER of the Windows API.
"""

from __future__ import annotations

import struct

from verger_contract.reasons import RejectKind
from verger_photo.formats.accepted import OPAQUE, PALETTE, RGB, STRAIGHT, PixelType, check, not_supported
from verger_photo.formats.opened import Opened, by_pillow
from verger_photo.unreadable import UnreadablePhoto

CODINGS = {0: "", 1: "RLE", 2: "RLE", 3: "bit fields", 4: "JPEG", 5: "PNG"}
CORE_HEADER, INFO_HEADER, OS2_HEADER, V4_HEADERS = 12, 40, 64, (52, 56, 108, 124)
RED, GREEN, BLUE = 0xFF0000, 0xFF00, 0xFF
MASKS = {
    16: ((0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F)),
    24: ((RED, GREEN, BLUE),),
    32: ((RED, GREEN, BLUE), (0xFF000000, 0xFF0000, 0xFF00)),
}
"""The masks of red, green and blue that are accepted."""


def opened(content: bytes) -> Opened:
    """Open a BMP file.

    Raises
    ------
    UnreadablePhoto
        The header is damaged, or the pixel type is not accepted.
    """
    check(pixel_type(content))
    return Opened(by_pillow(content, "BMP"))


def pixel_type(content: bytes) -> PixelType:
    """Return the pixel type of a BMP file.

    Raises
    ------
    UnreadablePhoto
        The header is damaged, or the palette or the masks are not supported.
    """
    if len(content) < 54:
        raise UnreadablePhoto(RejectKind.DAMAGED_IMAGE, f"BMP: {len(content)} bytes")
    (header,) = struct.unpack_from("<I", content, 14)
    if header == CORE_HEADER:
        bits, coding, colours = struct.unpack_from("<H", content, 24)[0], 0, 0
    elif header in (INFO_HEADER, OS2_HEADER, *V4_HEADERS):
        bits, coding, _, _, _, colours = struct.unpack_from("<HIIIII", content, 28)
    else:
        raise not_supported(f"BMP, header of {header} bytes")
    if header == OS2_HEADER and coding:
        raise not_supported(f"BMP of OS/2, compression {coding}")
    if (coding == 1 and bits != 8) or (coding == 2 and bits != 4):
        raise not_supported(f"BMP, {bits} bits, compression {coding}")
    name = CODINGS.get(coding, f"compression {coding}")
    if bits <= 8:
        _check_palette(content, header, bits, colours)
        return PixelType("BMP", PALETTE, bits, OPAQUE, name)
    return PixelType("BMP", RGB, bits, _alpha(content, header, bits) if coding == 3 else OPAQUE, name)


def _check_palette(content: bytes, header: int, bits: int, colours: int) -> None:
    """Raise for grey palettes that Pillow takes for the pixels of another depth."""
    count = colours or 1 << bits
    if count > 1 << bits:
        raise not_supported(f"BMP, {count} colours of {bits} bits")
    size = 3 if header == CORE_HEADER else 4
    palette = [content[at : at + 3] for at in range(14 + header, 14 + header + count * size, size)]
    as_bits, as_grey = [bytes(3), bytes([255]) * 3], [bytes([index]) * 3 for index in range(count)]
    if (bits > 1 and palette == as_bits) or (bits < 8 and count != 2 and palette == as_grey):
        raise not_supported(f"BMP, {bits} bits with a grey palette of {count} colours")


def _alpha(content: bytes, header: int, bits: int) -> str:
    masks = struct.unpack_from("<4I", content.ljust(70, b"\0"), 54)
    alpha = masks[3] if header >= 56 else 0
    if masks[:3] not in MASKS.get(bits, ()):
        raise not_supported(f"BMP, {bits} bits with masks {', '.join(f'{mask:x}' for mask in masks[:3])}")
    if bits != 32 or not alpha:
        return OPAQUE
    if alpha != 0xFFFFFFFF ^ (masks[0] | masks[1] | masks[2]):
        raise not_supported(f"BMP, mask {alpha:x} of the alpha channel")
    return STRAIGHT
