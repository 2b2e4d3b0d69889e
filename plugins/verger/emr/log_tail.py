"""Reads the end of a gzip file, also of one that is cut short.

EMR replaces the log of a running step every few minutes, so a reader may find an incomplete file.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

MOST_BYTES = 1_000_000
"""Decompressed bytes that are kept of a log. A log can be larger than the memory of a worker."""

CHUNK = 1 << 16
GZIP = 31
"""The `wbits` of zlib that select the gzip format."""


class Readable(Protocol):
    """A stream of bytes, such as the `Body` of an S3 object."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; empty at the end."""


@dataclass(frozen=True)
class LogTail:
    """The end of a log.

    Attributes
    ----------
    content : bytes
        The last decompressed bytes.
    shortened : bool
        Earlier bytes were left out.
    complete : bool
        The gzip file was complete. False when it is cut short, damaged, or no gzip file.
    """

    content: bytes
    shortened: bool
    complete: bool

    @property
    def text(self) -> str:
        """The content as text; bytes that are not UTF-8 are replaced."""
        return self.content.decode(errors="replace")


def read_tail(packed: Readable, most_bytes: int = MOST_BYTES) -> LogTail:
    """Return the last `most_bytes` decompressed bytes of a gzip file, or of its readable part.

    Holds `most_bytes` and one chunk in memory, whatever the size of the log.
    """
    chunks: deque[bytes] = deque()
    total = held = 0
    stream = _Gunzip(packed)
    for chunk in stream:
        chunks.append(chunk)
        total += len(chunk)
        held += len(chunk)
        while held - len(chunks[0]) >= most_bytes:
            held -= len(chunks.popleft())
    return LogTail(b"".join(chunks)[-most_bytes:], total > most_bytes, stream.complete)


class _Gunzip:
    """Iterates over the decompressed chunks; `complete` is valid after the iteration."""

    def __init__(self, packed: Readable) -> None:
        self._packed = packed
        self.complete = False

    def __iter__(self) -> Iterator[bytes]:
        unpacker = zlib.decompressobj(GZIP)
        try:
            while chunk := self._packed.read(CHUNK):
                while chunk:
                    self.complete = False
                    yield unpacker.decompress(chunk, CHUNK)
                    chunk = unpacker.unconsumed_tail
                    if unpacker.eof:  # a gzip file may have several members
                        self.complete = True
                        chunk, unpacker = unpacker.unused_data, zlib.decompressobj(GZIP)
            rest = unpacker.flush()
            self.complete = self.complete or unpacker.eof
            yield rest
        except zlib.error:
            self.complete = False
