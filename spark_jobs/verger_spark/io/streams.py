"""Objects as files, as far as pyarrow needs them to be."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import obstore

if TYPE_CHECKING:
    from obstore.store import S3Store


@dataclass(frozen=True)
class Sink:
    """What pyarrow asks of a file that it writes to. It does not close what lies beneath: that would complete an object
    whose writing has failed.
    """

    write: Callable[[bytes], int]
    closed: bool = False

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Left to `writing`."""


class Ranges(io.RawIOBase):
    """An object as a file: each read is a GET of a range."""

    def __init__(self, store: S3Store, key: str, size: int) -> None:
        self._store, self._key, self._size, self._at = store, key, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._at + size, self._size)
        if end <= self._at:
            return b""
        content = bytes(obstore.get_range(self._store, self._key, start=self._at, end=end))
        self._at = end
        return content
