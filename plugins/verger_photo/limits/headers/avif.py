"""AVIF: computes the memory."""

from __future__ import annotations

from verger_photo.limits.headers.header import Header

PLANES, PIXELS = 4, 4
"""Bytes a pixel: the planes of luma, two of chroma and alpha with 8 bits, and the RGBA pixels for Pillow."""


def header(content: bytes) -> Header:
    """Return the memory of the decoder. Deep samples have two bytes. A grid is decoded cell by cell and then joined."""
    planes = PLANES
    start = content.find(b"av1C")
    while start >= 0:
        if len(content) > start + 6 and content[start + 6] & 0x40:
            planes = 2 * PLANES
        start = content.find(b"av1C", start + 4)
    if b"grid" in content:
        planes *= 2
    return Header(content, per_pixel=planes + PIXELS)
