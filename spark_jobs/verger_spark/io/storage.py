"""Objects on S3 and files on disk, by URI, for everything that Spark does not read or write itself.

Every function raises VergerError for a request that S3 refuses. The message names the object, S3's error code and what
to do.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast
from urllib.parse import quote

import obstore
from obstore.exceptions import PreconditionError

from verger_contract.errors import VergerError
from verger_spark.io.location import Location
from verger_spark.io.s3_errors import ERRORS, Operation, explained
from verger_spark.io.s3_store import s3_store
from verger_spark.io.streams import Ranges, Sink

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Store

PART_BYTES = 5 << 20
"""Size of a part of a multipart upload: the minimum of S3, because a worker holds complete parts in memory."""

CONCURRENT_PARTS = 2
"""Parts that are uploaded at the same time. A writer that is faster than S3 waits."""


class StoredFile(NamedTuple):
    """A listed object or file: `size` in bytes, `etag` without quotes (None for a file on disk)."""

    uri: str
    size: int
    etag: str | None


def read(uri: str) -> bytes:
    """Return the content of one object or file.

    Raises
    ------
    VergerError
        It does not exist.
    """
    location = Location.parse(uri)
    try:
        if location.bucket is None:
            return Path(location.key).read_bytes()
        with explained(uri):
            return bytes(obstore.get(s3_store(location.bucket), location.key).bytes())
    except FileNotFoundError:
        raise _missing(uri) from None


def _missing(uri: str) -> VergerError:
    return VergerError(f"{uri}: does not exist, but this step needs it")


def write(uri: str, content: bytes) -> None:
    """Write one object or file. It replaces an earlier one."""
    location = Location.parse(uri)
    if location.bucket is None:
        with _replacing(Path(location.key)) as file:
            file.write(content)
        return
    with explained(uri, Operation.WRITE):
        obstore.put(s3_store(location.bucket), location.key, content)


def replace(uri: str, content: bytes, etag: str) -> bool:
    """Write one object or file if its ETag is still `etag`. Return whether it was written."""
    location = Location.parse(uri)
    if location.bucket is None:
        return _replace_file(Path(location.key), content, etag)
    with explained(uri, Operation.WRITE):
        try:
            obstore.put(s3_store(location.bucket), location.key, content, mode={"e_tag": f'"{etag}"'})
        except (PreconditionError, FileNotFoundError):
            # The answer to a successful PUT may be lost. Then obstore repeats the PUT, and S3 refuses the repetition.
            return exists(uri) and read(uri) == content
    return True


def _replace_file(file: Path, content: bytes, etag: str) -> bool:
    with file.with_name(f"{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.is_file() or etag_of(file.read_bytes()) != etag:
            return False
        with _replacing(file) as partial:
            partial.write(content)
    return True


@contextlib.contextmanager
def writing(uri: str) -> Iterator[Sink]:
    """Open one object or file for writing in a `with` block.

    The object appears when the block ends, and does not appear when the block raises. On S3 more than ``PART_BYTES``
    become a multipart upload. The parts of a failed upload are invisible, and vacuum removes them.
    """
    location = Location.parse(uri)
    if location.bucket is None:
        with _replacing(Path(location.key)) as file:
            yield Sink(file.write)
        return
    upload = obstore.open_writer(
        s3_store(location.bucket), location.key, buffer_size=PART_BYTES, max_concurrency=CONCURRENT_PARTS
    )

    def write_part(content: bytes) -> int:
        with explained(uri, Operation.WRITE):
            return upload.write(content)

    yield Sink(write_part)
    with explained(uri, Operation.WRITE):
        upload.close()  # completes the upload


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `target` when the block ends without an exception."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    with partial.open("wb") as file:
        yield file
    partial.replace(target)


def reading(uri: str, size: int | None = None) -> BinaryIO:
    """Open one object or file for reads of parts of it. On S3 each read is one request.

    Parameters
    ----------
    uri : str
    size : int, optional
        The bytes of the object, if the caller has listed it. Without it, a request finds it.

    Raises
    ------
    VergerError
        It does not exist. For an object on S3 with a `size`, a read raises this.
    """
    location = Location.parse(uri)
    try:
        if location.bucket is None:
            return Path(location.key).open("rb")
        store = s3_store(location.bucket)
        known = _head(store, uri, location.key)["size"] if size is None else size
        return cast("BinaryIO", Ranges(store, uri, location.key, known))
    except FileNotFoundError:
        raise _missing(uri) from None


def _head(store: S3Store, uri: str, key: str) -> ObjectMeta:
    """Return size and ETag. Raise FileNotFoundError for a missing object, VergerError for every other failure."""
    with explained(uri):
        try:
            return obstore.head(store, key)
        except FileNotFoundError:
            raise
        except ERRORS:
            # The answer to HEAD has no body. The answer to the same request by GET has the error code.
            obstore.get_range(store, key, start=0, length=1)
            raise


def exists(uri: str) -> bool:
    """Whether there is such an object or file. A folder does not count."""
    location = Location.parse(uri)
    if location.bucket is None:
        return Path(location.key).is_file()
    try:
        _head(s3_store(location.bucket), uri, location.key)
    except FileNotFoundError:
        return False
    return True


def etag(uri: str) -> str:
    """Return the ETag of one object or file, without quotes. Two contents have different ETags.

    Raises
    ------
    VergerError
        It does not exist.
    """
    location = Location.parse(uri)
    if location.bucket is None:
        return etag_of(read(uri))
    try:
        found = _head(s3_store(location.bucket), uri, location.key)["e_tag"]
    except FileNotFoundError:
        raise _missing(uri) from None
    return (found or "").strip('"')


def etag_of(content: bytes) -> str:
    """Return the ETag of a content: its MD5 in hex, as S3 computes it for a plain PUT.

    Examples
    --------
    >>> etag_of(b"")
    'd41d8cd98f00b204e9800998ecf8427e'
    """
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def delete(uri: str) -> None:
    """Delete one object or file if it exists."""
    location = Location.parse(uri)
    if location.bucket is None:
        Path(location.key).unlink(missing_ok=True)
    elif exists(uri):  # a DELETE of a missing object leaves a delete marker in a bucket with versions
        with explained(uri, Operation.DELETE):
            obstore.delete(s3_store(location.bucket), location.key)


def delete_folder(uri: str) -> None:
    """Delete everything in a folder."""
    location = Location.parse(uri)
    if location.bucket is None:
        shutil.rmtree(location.key, ignore_errors=True)
        return
    store = s3_store(location.bucket)
    with explained(uri, Operation.DELETE):
        for batch in obstore.list(store, f"{location.key.rstrip('/')}/"):
            obstore.delete(store, [item["path"] for item in batch])


def files(folder: str) -> Iterator[StoredFile]:
    """Yield each file directly in a folder, by name. A missing folder has no files."""
    location = Location.parse(folder)
    if location.bucket is None:
        found = sorted(path for path in Path(location.key).glob("*") if path.is_file())
        yield from (StoredFile(f"file://{quote(str(path))}", path.stat().st_size, None) for path in found)
        return
    prefix = f"{location.key.rstrip('/')}/"
    with explained(folder, Operation.LIST):
        listed = obstore.list_with_delimiter(s3_store(location.bucket), prefix)["objects"]
    for item in sorted(listed, key=lambda item: item["path"]):
        yield StoredFile(f"s3://{location.bucket}/{item['path']}", item["size"], (item["e_tag"] or "").strip('"'))


def read_json(uri: str) -> dict[str, Any]:
    """Return one JSON object.

    Raises
    ------
    VergerError
        It does not exist, or is not a JSON object.
    """
    try:
        value = json.loads(read(uri))
    except ValueError as error:
        raise VergerError(f"{uri}: expected JSON, found something else ({error})") from None
    if not isinstance(value, dict):
        raise VergerError(f"{uri}: expected a JSON object, found a {type(value).__name__}")
    return value


def write_json(uri: str, value: Mapping[str, object]) -> None:
    """Write one JSON object, indented for human readers.

    Raises
    ------
    ValueError
        `value` holds NaN or infinity, which JSON does not have.
    """
    write(uri, json_bytes(value))


def json_bytes(value: Mapping[str, object]) -> bytes:
    """Return the JSON of a value as `write_json` writes it."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
