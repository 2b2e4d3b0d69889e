"""JPEG 2000: components and colour space, from the boxes of JP2 and the segment SIZ of the codestream.

Sources: ITU-T T.800, annex A.5.1 (SIZ) and annex I (JP2).
"""

from __future__ import annotations

import struct

from verger_contract.reasons import RejectKind
from verger_photo.formats.accepted import GREY, OPAQUE, RGB, STRAIGHT, UNSIGNED, YCBCR, PixelType, check, not_supported
from verger_photo.formats.boxes import boxes, find
from verger_photo.formats.opened import Opened, by_pillow
from verger_photo.unreadable import UnreadablePhoto

CODESTREAM = b"\xff\x4f\xff\x51"
ENUMERATED = {16: RGB, 17: GREY, 18: YCBCR}
"""The colour spaces of the box colr: sRGB, greyscale and sYCC."""
PROFILES = {b"RGB ": RGB, b"GRAY": GREY}
"""The colour spaces of ICC profiles."""


def opened(content: bytes) -> Opened:
    """Open a JP2 file or a bare codestream.

    Raises
    ------
    UnreadablePhoto
        The header is damaged, or the pixel type is not accepted.
    """
    check(pixel_type(content))
    return Opened(by_pillow(content, "JPEG2000"))


def pixel_type(content: bytes) -> PixelType:
    """Return the pixel type of a file.

    Raises
    ------
    UnreadablePhoto
        The header is damaged; or the components differ in depth or size; or they have a palette, or an unknown meaning.
    """
    if content.startswith(CODESTREAM):
        components = _components(content, 0)
        count = len(components)
        if count not in (1, 3):
            raise not_supported(f"JPEG2000, {count} components without a channel definition")
        return _described(components, GREY if count == 1 else RGB, count)
    stream, header = find(content, (b"jp2c",)), find(content, (b"jp2h",))
    if stream is None or header is None or not content.startswith(CODESTREAM, stream[0]):
        raise _damaged("no header or no codestream")
    parts: dict[bytes, bytes] = {}
    for kind, start, end in boxes(content, *header):
        parts.setdefault(kind, content[start:end])
    if parts.keys() & {b"pclr", b"cmap"}:
        raise not_supported("JPEG2000, with a palette")
    components = _components(content, stream[0])
    colour, colours = _colour(parts.get(b"colr", b""))
    if parts.get(b"ihdr", b"")[8:10] != len(components).to_bytes(2, "big"):
        raise _damaged("header and codestream differ in the number of components")
    _check_channels(parts.get(b"cdef", b""), colours, len(components))
    return _described(components, colour, colours)


def _components(content: bytes, start: int) -> list[tuple[int, int, int]]:
    """Return depth, horizontal and vertical step of each component."""
    if len(content) < start + 42:
        raise _damaged("no size of the image")
    (count,) = struct.unpack_from(">H", content, start + 40)
    if len(content) < start + 42 + 3 * count:
        raise _damaged(f"{count} components")
    return list(struct.iter_unpack("BBB", content[start + 42 : start + 42 + 3 * count]))


def _described(components: list[tuple[int, int, int]], colour: str, colours: int) -> PixelType:
    if len(set(components)) != 1 or components[0][1:] != (1, 1):
        raise not_supported("JPEG2000, components of different depths or sizes")
    depth = components[0][0]
    alpha = STRAIGHT if len(components) > colours else OPAQUE
    return PixelType("JPEG2000", colour, (depth & 0x7F) + 1, alpha, samples="signed" if depth & 0x80 else UNSIGNED)


def _colour(box: bytes) -> tuple[str, int]:
    colour = None
    if box[:1] == b"\x01" and len(box) >= 7:
        colour = ENUMERATED.get(int.from_bytes(box[3:7], "big"))
    elif box[:1] == b"\x02":
        colour = PROFILES.get(box[3 + 16 : 3 + 20])
    if colour is None:
        raise not_supported(f"JPEG2000, colour space {box[:7].hex()}")
    return colour, 1 if colour == GREY else 3


def _check_channels(box: bytes, colours: int, count: int) -> None:
    """Check that the channels are the colours in their order, and then at most one straight alpha channel."""
    if count not in (colours, colours + 1):
        raise not_supported(f"JPEG2000, {count} components for {colours} colours")
    channels = sorted(struct.iter_unpack(">HHH", box[2 : 2 + (len(box) - 2) // 6 * 6])) if box else []
    expected = [(index, 0, index + 1) for index in range(colours)]
    alpha = [(colours, 1, 0)] if count > colours else []
    if channels != expected + alpha and (channels or alpha):
        raise not_supported(f"JPEG2000, channel definitions {channels}")


def _damaged(found: str) -> UnreadablePhoto:
    return UnreadablePhoto(RejectKind.DAMAGED_IMAGE, f"JPEG 2000: {found}")
