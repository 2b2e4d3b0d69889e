"""JPEG 2000: computes the memory of the largest tile."""

from __future__ import annotations

import struct

from verger_photo.limits.headers.header import Header
from verger_photo.limits.sizes import check_parts, too_large

SIZ, COD, COC, START_OF_TILE = 0xFF51, 0xFF52, 0xFF53, 0xFF90
SAMPLE_BYTES = 4
"""OpenJPEG holds each sample of a tile as an integer of 32 bits."""

BLOCK_BYTES = 400
"""Upper bound of OpenJPEG's structures for a code block and for a precinct."""

MAX_PIXELS = 25_000_000
"""A lossless image takes 0.2 microseconds a pixel."""


def header(content: bytes) -> Header:
    """Return the memory of the decoder: samples, code blocks and compressed data of one tile, and its pixels."""
    start = _codestream(content)
    fixed, position, number = 0, start + 2, 0
    while start >= 0 and position + 4 <= len(content):
        number += 1
        check_parts(number, "segments")
        marker, length = struct.unpack_from(">HH", content, position)
        if marker == START_OF_TILE or marker < 0xFF00:
            break
        body = content[position + 4 : position + 2 + length]
        if marker == SIZ and len(body) >= 36:
            samples, size = _tile(body)
            fixed += size
        elif marker in (COD, COC) and number > 1:
            fixed = max(fixed, size + _blocks(body[5:] if marker == COD else body[2:], samples))
        position += 2 + length
    return Header(content, fixed=fixed + len(content))


def _tile(siz: bytes) -> tuple[int, int]:
    """Return the samples of the largest tile, and their bytes with the pixels of the tile."""
    right, bottom, left, top, across, down, _, _, components = struct.unpack_from(">8IH", siz, 2)
    width, height = max(right - left, 0), max(bottom - top, 0)
    if width * height > MAX_PIXELS:
        raise too_large(f"{width} x {height} = {width * height:,} pixels, the limit of JPEG 2000 is {MAX_PIXELS:,}")
    check_parts(-(-width // max(across, 1)) * -(-height // max(down, 1)), "tiles")
    samples = min(width, across) * min(height, down) * components
    depth = max((1 + (value & 0x7F) for value in siz[36::3]), default=8)
    return samples, samples * (SAMPLE_BYTES + -(-depth // 8))


def _blocks(style: bytes, samples: int) -> int:
    """Return the bytes of the structures of the code blocks and precincts.

    Parameters
    ----------
    style : bytes
        The parameters of a COD or COC segment, from the number of decomposition levels on.
    samples : int
        Samples of a tile.
    """
    if len(style) < 3:
        return 0
    area = 1 << (min(style[1] & 15, 8) + min(style[2] & 15, 8) + 4)
    precincts = [1 << ((size & 15) + (size >> 4)) for size in style[5 : 6 + style[0]]]
    return BLOCK_BYTES * (samples // min([area, *precincts]))


def _codestream(content: bytes) -> int:
    """Return the position of the codestream, or -1."""
    position, number = 0, 0
    if content.startswith(b"\xff\x4f"):
        return 0
    while position + 8 <= len(content):
        number += 1
        check_parts(number, "boxes")
        size, kind = struct.unpack_from(">I4s", content, position)
        if kind == b"jp2c":
            return position + (16 if size == 1 else 8)
        if size == 1 and position + 16 <= len(content):
            size = int.from_bytes(content[position + 8 : position + 16], "big")
        if size < 8:
            break
        position += size
    return -1
