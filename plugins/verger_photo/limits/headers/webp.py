"""WebP: computes the memory, and counts the chunks."""

from __future__ import annotations

from verger_photo.limits.headers.header import Header
from verger_photo.limits.sizes import check_parts

RIFF_BYTES = 12
PER_PIXEL = 13
"""Two canvases of 4 bytes, the pixels for Pillow (4), and the alpha of lossy files (1)."""


def header(content: bytes) -> Header:
    """Return the memory of the decoder, which copies the file."""
    position, number = RIFF_BYTES, 0
    while position + 8 <= len(content):
        number += 1
        check_parts(number, "chunks")
        size = int.from_bytes(content[position + 4 : position + 8], "little")
        position += 8 + size + size % 2
    return Header(content, per_pixel=PER_PIXEL, fixed=len(content))
