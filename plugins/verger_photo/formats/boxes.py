"""The boxes of ISO base media files, of which AVIF and JPEG 2000 files consist.

Source: ISO/IEC 14496-12, section 4.2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator


def boxes(content: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end of the body of each box in a part of a file. A box that is cut off ends the iteration.

    Examples
    --------
    >>> list(boxes(bytes([0, 0, 0, 9]) + b"ftyp!"))
    [(b'ftyp', 8, 9)]
    """
    end = len(content) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", content, start)
        body = start + 8
        if size == 1 and start + 16 <= end:
            (size,) = struct.unpack_from(">Q", content, body)
            body += 8
        stop = start + size if size else end
        if stop < body or stop > end:
            return
        yield kind, body, stop
        start = stop


def find(content: bytes, path: tuple[bytes, ...], start: int = 0, end: int | None = None) -> tuple[int, int] | None:
    """Return start and end of the body of the first box at a path of types, for example `(b"jp2h", b"ihdr")`."""
    for kind, body, stop in boxes(content, start, end):
        if kind == path[0]:
            inner = body + (4 if kind == b"meta" else 0)  # version and flags
            return find(content, path[1:], inner, stop) if path[1:] else (body, stop)
    return None
