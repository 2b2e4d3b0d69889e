"""File objects over S3 for pyarrow."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import obstore

from verger_contract.errors import VergerError
from verger_spark.io.s3_errors import explained

if TYPE_CHECKING:
    from obstore.store import S3Store


@dataclass(frozen=True)
class Sink:
    """The part of a file object that pyarrow needs for writing.

    `close` does nothing, because closing the upload would complete an object whose writing has failed.
    """

    write: Callable[[bytes], int]
    closed: bool = False

    def flush(self) -> None:
        """Do nothing: this object has no buffer."""

    def close(self) -> None:
        """Do nothing: `storage.writing` closes the upload."""


class Ranges(io.RawIOBase):
    """A readable file object over one S3 object. Each read is a GET of a range."""

    def __init__(self, store: S3Store, uri: str, key: str, size: int) -> None:
        self._store, self._uri, self._key, self._size, self._position = store, uri, key, size, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position and return it. No request is made."""
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes from the position on, or the rest of the object.

        Raises
        ------
        VergerError
            S3 refuses the request.
        """
        end = self._size if size < 0 else min(self._position + size, self._size)
        if end <= self._position:
            return b""
        try:
            with explained(self._uri):
                content = bytes(obstore.get_range(self._store, self._key, start=self._position, end=end))
        except FileNotFoundError:
            raise VergerError(f"{self._uri}: was deleted while this step read it; start a new run") from None
        self._position = end
        return content
