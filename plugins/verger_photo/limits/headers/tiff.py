"""TIFF: computes the memory of a strip or tile, which the tags declare independently of the size of the image."""

from __future__ import annotations

import struct

from verger_photo.limits.headers.header import Header
from verger_photo.limits.sizes import check_parts, too_large

WIDTH, LENGTH, BITS, SAMPLES, ROWS_PER_STRIP, TILE_WIDTH, TILE_LENGTH = 256, 257, 258, 277, 278, 322, 323
SHORT, LONG, LONG8 = 3, 4, 16
BYTES, ASCII, UNDEFINED = 1, 2, 7
"""Types of tags that Pillow keeps as bytes. It makes a Python number of each value of all others."""

MAX_NUMBERS = 1_000_000


def header(content: bytes) -> Header:
    """Return the memory of a strip or tile of the first page.

    Raises
    ------
    UnreadablePhoto
        The first page has too many tags, or a tag has too many numbers.
    """
    try:
        values = _first_values(content)
    except struct.error:  # a truncated file: Pillow rejects it
        return Header(content)
    samples = values.get(SAMPLES, 1)
    pixel = max(4, -(-samples * values.get(BITS, 1) // 8))  # libtiff makes RGBA of some pixel types
    if TILE_WIDTH in values or TILE_LENGTH in values:
        block = values.get(TILE_WIDTH, 1) * values.get(TILE_LENGTH, 1)
    else:
        length = values.get(LENGTH, 0)
        block = values.get(WIDTH, 0) * min(length, values.get(ROWS_PER_STRIP, length))
    return Header(content, fixed=block * pixel)


def _first_values(content: bytes) -> dict[int, int]:
    """Return the first value of each integer tag of the first page, if the value lies in the tag or in the file."""
    order, big = ("<" if content[:2] == b"II" else ">"), content[2:4] in (b"+\0", b"\0+")
    number, offset, entry = ("Q", "Q", "HHQ8s") if big else ("H", "I", "HHI4s")
    (start,) = struct.unpack_from(order + offset, content, 8 if big else 4)
    (count,) = struct.unpack_from(order + number, content, start)
    check_parts(count, "tags")
    start += struct.calcsize(order + number)
    values: dict[int, int] = {}
    for position in range(start, start + count * struct.calcsize(order + entry), struct.calcsize(order + entry)):
        tag, kind, numbers, raw = struct.unpack_from(order + entry, content, position)
        if kind not in (BYTES, ASCII, UNDEFINED) and numbers > MAX_NUMBERS:
            raise too_large(f"tag {tag} has {numbers:,} numbers, the limit is {MAX_NUMBERS:,}")
        code = {SHORT: "H", LONG: "I", LONG8: "Q"}.get(kind)
        if code is None or not numbers or tag in values:
            continue
        if numbers * struct.calcsize(code) > len(raw):
            (place,) = struct.unpack(order + offset, raw)
            raw = content[place : place + struct.calcsize(code)]
        values[tag] = struct.unpack_from(order + code, raw)[0] if len(raw) >= struct.calcsize(code) else 0
    return values
