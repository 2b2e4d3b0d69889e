"""GIF: drops the extensions before the first image, except its transparent colour."""

from __future__ import annotations

from verger_photo.limits.headers.header import Header
from verger_photo.limits.sizes import check_parts

SCREEN_BYTES = 13
EXTENSION, GRAPHIC_CONTROL = 0x21, 0xF9
PER_PIXEL = 12
"""A first frame that does not cover the canvas: its RGBA copy, the part of it, and the canvas."""

MAX_METADATA_BYTES = 64 * 1024
"""With more metadata before the first image, all is dropped. Pillow copies a comment for each of its 255 bytes."""


def header(content: bytes) -> Header:
    """Return the file without large comments and other extensions before the first image."""
    start = SCREEN_BYTES
    if len(content) > start and content[10] & 0x80:
        start += 3 << ((content[10] & 7) + 1)  # the palette
    position, control, number = start, b"", 0
    while position + 1 < len(content) and content[position] == EXTENSION:
        number += 1
        check_parts(number, "extensions")
        end = _end_of_blocks(content, position + 2)
        if content[position + 1] == GRAPHIC_CONTROL:
            control = content[position:end]
        position = end
    if position - start <= MAX_METADATA_BYTES:
        return Header(content, per_pixel=PER_PIXEL)
    return Header(b"".join((content[:start], control, content[position:])), per_pixel=PER_PIXEL)


def _end_of_blocks(content: bytes, position: int) -> int:
    while position < len(content) and content[position]:
        position += 1 + content[position]
    return position + 1
