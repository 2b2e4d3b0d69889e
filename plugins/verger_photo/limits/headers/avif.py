"""AVIF: computes the memory."""

from __future__ import annotations

from verger_photo.limits.headers.header import Header
from verger_photo.limits.sizes import check_parts

PLANES, PIXELS = 4, 4
"""Bytes a pixel: the planes of luma, two of chroma and alpha with 8 bits, and the RGBA pixels for Pillow."""


def header(content: bytes) -> Header:
    """Return the memory of the decoder. Deep samples have two bytes. A grid is decoded cell by cell and then joined."""
    _check_boxes(content)
    planes = PLANES
    start = content.find(b"av1C")
    while start >= 0:
        if len(content) > start + 6 and content[start + 6] & 0x40:
            planes = 2 * PLANES
        start = content.find(b"av1C", start + 4)
    if b"grid" in content:
        planes *= 2
    return Header(content, per_pixel=planes + PIXELS)


def _check_boxes(content: bytes) -> None:
    position, number = 0, 0
    while position + 8 <= len(content):
        number += 1
        check_parts(number, "boxes")
        size = int.from_bytes(content[position : position + 4], "big")
        if size == 1:
            size = int.from_bytes(content[position + 8 : position + 16], "big")
        if size < 8:
            return  # the last box, or a damaged one
        position += size
