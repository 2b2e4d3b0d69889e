"""A pyarrow file system that reads S3 by a boto3 client.

pyarrow's own S3FileSystem gives up when an answer takes three seconds, keeps the credentials that it was created with,
and has no error code for a refused HEAD request. The client of `verger.s3.clients` has the time limits and retries of
the settings, renews its credentials, and raises errors that say what to do.

This module is imported inside functions, because pyarrow is large.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, NoReturn

from pyarrow import PythonFile  # noqa: TID253 (see above)
from pyarrow.fs import FileInfo, FileSelector, FileSystemHandler, FileType  # noqa: TID253 (see above)

from verger.s3 import bodies
from verger.s3.clients import error_code
from verger.s3.errors import UnavailableError
from verger_contract.keys import uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from pyarrow import NativeFile

TAIL_BYTES = 64 << 10
"""Bytes at the end of an object that are read with its size: the metadata of most Parquet files."""


class ReadOnlyS3(FileSystemHandler):  # type: ignore[misc]
    """Lists and reads S3 by a client. Wrap it in `pyarrow.fs.PyFileSystem`. Its paths are `<bucket>/<key>`."""

    def __init__(self, s3: S3Client) -> None:
        self._s3 = s3

    def get_type_name(self) -> str:
        """Return the name of the file system's type."""
        return "read-only-s3"

    def normalize_path(self, path: str) -> str:
        """Return the path unchanged: keys need no normalization."""
        return path

    def get_file_info_selector(self, selector: FileSelector) -> list[FileInfo]:
        """Return the objects directly under a prefix."""
        bucket, _, prefix = f"{selector.base_dir.rstrip('/')}/".partition("/")
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        found = (item for page in pages for item in page.get("Contents", ()))
        return [
            FileInfo(f"{bucket}/{item['Key']}", FileType.File, size=item["Size"])
            for item in found
            if item["Key"] != prefix
        ]

    def open_input_file(self, path: str) -> NativeFile:
        """Open an object to read any part of it.

        Raises
        ------
        FileNotFoundError
            There is no such object.
        """
        bucket, _, key = path.partition("/")
        return PythonFile(ObjectFile(self._s3, bucket, key), mode="r")

    open_input_stream = open_input_file

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise NotImplementedError("this file system only lists and reads; write with a boto3 client")

    create_dir = move = copy_file = open_output_stream = open_append_stream = get_file_info = _refuse
    delete_dir = delete_dir_contents = delete_root_dir_contents = delete_file = _refuse


class ObjectFile(io.RawIOBase):
    """One object as a file to read. Each read is one request, except at the end of the object.

    All reads return the same version of the object: they fail when it was replaced in between.
    """

    def __init__(self, s3: S3Client, bucket: str, key: str) -> None:
        super().__init__()
        self._s3, self._bucket, self._key = s3, bucket, key
        self._position = 0
        self._etag, self._size, self._tail = self._end()

    def _end(self) -> tuple[str, int, bytes]:
        """Return ETag, size and last bytes of the object."""
        from botocore.exceptions import ClientError

        def consume(answer: dict[str, Any]) -> tuple[str, int, bytes]:
            tail = answer["Body"].read()
            size = int(answer["ContentRange"].rpartition("/")[2]) if "ContentRange" in answer else len(tail)
            return answer["ETag"], size, tail

        try:
            return bodies.read(self._s3, self._bucket, self._key, consume, Range=f"bytes=-{TAIL_BYTES}")
        except self._s3.exceptions.NoSuchKey:
            raise FileNotFoundError(f"{uri(self._bucket, self._key)}: expected an object, found none") from None
        except ClientError as error:
            if error_code(error) in ("InvalidRange", "416"):  # an empty object
                return "", 0, b""
            raise

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Set and return the position."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """Return the next `size` bytes, fewer at the end of the object."""
        start = self._position
        end = self._size if size < 0 else min(start + size, self._size)
        if end <= start:
            return b""
        first_of_tail = self._size - len(self._tail)
        found = self._tail[start - first_of_tail : end - first_of_tail] if start >= first_of_tail else b""
        content = found or self._range(start, end)
        self._position = start + len(content)
        return content

    def _range(self, start: int, end: int) -> bytes:
        from botocore.exceptions import ClientError

        def consume(answer: dict[str, Any]) -> bytes:
            content: bytes = answer["Body"].read()
            return content

        try:
            return bodies.read(
                self._s3, self._bucket, self._key, consume, Range=f"bytes={start}-{end - 1}", IfMatch=self._etag
            )
        except ClientError as error:
            if error_code(error) in ("PreconditionFailed", "412"):
                raise UnavailableError(
                    f"{uri(self._bucket, self._key)}: replaced while it was read; try again"
                ) from error
            raise
