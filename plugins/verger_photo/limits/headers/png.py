"""PNG: drops the chunks that do not change the pixels."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from verger_photo.limits.headers.header import Header
from verger_photo.limits.sizes import check_parts

SIGNATURE_BYTES = 8
USED = frozenset({b"tRNS", b"eXIf"})
"""Ancillary chunks that are used: the transparent colours and the orientation."""


def header(content: bytes) -> Header:
    """Drop texts, profiles, animation frames and other ancillary chunks.

    Pillow raises an error for a text or a profile of more than 1 MB, even if it is compressed.
    """
    spans: list[list[int]] = [[0, SIGNATURE_BYTES]]
    for number, (kind, start, end) in enumerate(_chunks(content)):
        check_parts(number, "chunks")
        if kind[0] & 0x20 and kind not in USED:  # a lower-case letter: ancillary
            continue
        if spans[-1][1] == start:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    if spans == [[0, len(content)]]:
        return Header(content)
    return Header(b"".join(content[start:end] for start, end in spans))


def _chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end of each chunk. The last one may be truncated."""
    position = SIGNATURE_BYTES
    while position < len(content):
        head = content[position : position + 8]
        if len(head) < 8:
            yield b"IDAT", position, len(content)  # truncated: Pillow reports it
            return
        length, kind = struct.unpack(">I4s", head)
        end = min(position + 12 + length, len(content))
        yield kind, position, end
        position = end
        if kind == b"IEND":
            return
