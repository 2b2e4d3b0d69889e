"""JPEG: the frame and the colour space, from the segments before the first scan.

Sources: ITU-T T.81, annex B, for the segments; libjpeg's `default_decompress_parms` for the colour space.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from verger_contract.reasons import RejectKind
from verger_photo.formats.accepted import CMYK, GREY, RGB, YCBCR, YCCK, PixelType, check, not_supported
from verger_photo.formats.opened import Opened, by_pillow
from verger_photo.formats.tiff.directory import directories
from verger_photo.unreadable import UnreadablePhoto

FRAMES = {
    0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive", 0xC3: "lossless", 0xC5: "hierarchical",
    0xC6: "hierarchical", 0xC7: "hierarchical", 0xC9: "arithmetic", 0xCA: "arithmetic", 0xCB: "arithmetic",
    0xCD: "arithmetic", 0xCE: "arithmetic", 0xCF: "arithmetic", 0xF7: "JPEG-LS",
}  # fmt: skip
"""The coding, for each marker of a frame (SOF)."""

PICTURES, LARGE_THUMBNAIL, MOST_BYTES_OF_SEGMENT = 0xB002, 0x010000, 65_535
APP0, APP2, APP14, SCAN, ALONE = 0xE0, 0xE2, 0xEE, 0xDA, frozenset({0x00, 0x01, *range(0xD0, 0xD9), 0xFF})


@dataclass(frozen=True)
class Frame:
    """What the segments before the first scan say."""

    coding: str
    bits: int
    height: int
    width: int
    components: tuple[int, ...]
    """Their identifiers."""
    jfif: bool
    adobe_transform: int | None
    pictures: int
    """The start of the list of pictures of a multi-picture file, 0 if there is none."""


def opened(content: bytes) -> Opened:
    """Open a JPEG file, or the first image of a multi-picture file (MPO).

    Raises
    ------
    UnreadablePhoto
        There is no frame, or its pixel type is not accepted.
    """
    check(pixel_type(frame(content, 0)))
    return Opened(by_pillow(content, "JPEG"))


def frame(content: bytes, start: int) -> Frame:
    """Read the segments of a JPEG stream up to its first scan.

    Raises
    ------
    UnreadablePhoto
        There is no frame before the first scan.
    """
    position, jfif, transform, found, pictures = start + 2, False, None, None, 0
    while (position := content.find(b"\xff", position)) >= 0 and position + 4 <= len(content):
        marker = content[position + 1]
        if marker in ALONE:
            position += 1 if marker == 0xFF else 2
            continue
        if marker == SCAN:
            break
        body = position + 4
        if marker in FRAMES:
            found = marker, body
        elif marker == APP0 and content.startswith(b"JFIF\0", body):
            jfif = True
        elif marker == APP2 and content.startswith(b"MPF\0", body):
            pictures = body + 4
        elif marker == APP14 and content.startswith(b"Adobe", body):
            transform = content[body + 11] if body + 11 < len(content) else None
        position += 2 + int.from_bytes(content[position + 2 : body], "big")
    if found is None or found[1] + 6 > len(content):
        raise UnreadablePhoto(RejectKind.DAMAGED_IMAGE, "JPEG: no frame before the first scan")
    marker, body = found
    bits, height, width, count = struct.unpack_from(">BHHB", content, body)
    return Frame(
        FRAMES[marker],
        bits,
        height,
        width,
        tuple(content[body + 6 : body + 6 + 3 * count : 3]),
        jfif,
        transform,
        pictures,
    )


def pixel_type(found: Frame) -> PixelType:
    """Return the pixel type of a frame.

    Raises
    ------
    UnreadablePhoto
        The colour space is unknown, or the segments contradict each other.
    """
    transform, count = found.adobe_transform, len(found.components)
    if count == 3 and found.jfif and transform == 0:
        raise not_supported("JPEG, JFIF says YCbCr and Adobe says RGB")
    if transform is not None and transform > 2:
        raise not_supported(f"JPEG, colour transform {transform}")
    if count == 4 and transform is None:
        raise not_supported("JPEG, 4 components without an Adobe segment")
    if count == 3:
        by_name = transform is None and not found.jfif and found.components == tuple(b"RGB")
        colour = RGB if transform == 0 or by_name else YCBCR
    elif count == 4:
        colour = YCCK if transform == 2 else CMYK
    else:
        colour = GREY if count == 1 else f"{count} components"
    return PixelType("JPEG", colour, found.bits, coding=found.coding)


def check_first_image(content: bytes) -> None:
    """Check that the first image of a multi-picture file (MPO) is the photo. A malformed list of pictures is ignored.

    Source: CIPA DC-007, Multi-Picture Format, section 5.2.3.

    Raises
    ------
    UnreadablePhoto
        The first image is marked as a thumbnail, or is smaller than another one.
    """
    first = frame(content, 0)
    if not first.pictures:
        return
    pictures = content[first.pictures : first.pictures + MOST_BYTES_OF_SEGMENT]
    try:
        found = list(_pictures(pictures))
        starts = [first.pictures + start for _, start in found[1:]]
        others = [frame(content, start) for start in starts if content.startswith(b"\xff\xd8", start)]
    except (UnreadablePhoto, struct.error):
        return
    if found and found[0][0] & 0xFF0000 == LARGE_THUMBNAIL:
        raise not_supported("JPEG, the first image is marked as a thumbnail")
    if any(other.width * other.height > first.width * first.height for other in others):
        raise not_supported("JPEG, the first image is smaller than another one")


def _pictures(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield attributes and offset of each picture. The offsets count from the start of `content`, which is a TIFF."""
    for page in directories(content):
        entry = page.entries.get(PICTURES)
        if entry:
            for position in range(entry.position, entry.position + entry.count, 16):
                kind, _, start, _ = struct.unpack_from(page.order + "IIII", content, position)
                yield kind, start
        return
