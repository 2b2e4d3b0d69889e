"""Objects on S3 and files on disk by URI, for what Spark does not read or write itself."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import quote, unquote, urlsplit

import obstore
from obstore.store import S3Store

from verger_spark.errors import VergerError
from verger_spark.io.streams import Ranges, Sink

if TYPE_CHECKING:
    from obstore.store import RetryConfig, S3Config

# Throttling and server errors are S3's way of saying "later"; what is still refused then fails the task.
RETRIES: RetryConfig = {"max_retries": 8, "retry_timeout": timedelta(minutes=3)}


PART_BYTES = 5 << 20
"""Of an upload in parts, as few as S3 takes: a worker holds as many."""

PARTS_AT_ONCE = 2
"""Under way: a writer that is faster than S3 waits."""


@dataclass(frozen=True)
class Location:
    """A URI taken apart. `bucket` is None for `file://`; `key` then is the path on disk."""

    bucket: str | None
    key: str

    @classmethod
    def parse(cls, uri: str) -> Location:
        """Accepts `s3://bucket/key` (key taken as it is, unescaped) and `file:///path`.

        Raises
        ------
        VergerError
            Any other scheme, or no bucket.
        """
        scheme, _, rest = uri.partition("://")
        if scheme in ("s3", "s3a") and rest.partition("/")[0]:
            bucket, _, key = rest.partition("/")
            return cls(bucket, key)
        if scheme == "file" and rest.startswith("/"):
            return cls(None, unquote(urlsplit(uri).path))
        raise VergerError(f"{uri!r}: expected s3://<bucket>/<key> or file:///<path>")


def s3_store(bucket: str) -> S3Store:
    """The one way to S3 from Python here: region, endpoint and credentials as the AWS SDKs find them.

    Credentials come from the environment or, on a cluster node, from its instance profile. A process asks for them, and
    connects, once.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return _s3_store(bucket, endpoint, region, os.environ.get("AWS_ACCESS_KEY_ID"))


@lru_cache(maxsize=8)
def _s3_store(bucket: str, endpoint: str | None, region: str, _key_id: str | None) -> S3Store:
    config: S3Config = {"region": region, "virtual_hosted_style_request": endpoint is None}
    if endpoint:
        config["endpoint"] = endpoint
    return S3Store(
        bucket,
        config=config,
        client_options={
            "allow_http": bool(endpoint and endpoint.startswith("http://")),
            "timeout": timedelta(seconds=60),
            "connect_timeout": timedelta(seconds=10),
        },
        retry_config=RETRIES,
    )


def read(uri: str) -> bytes:
    """The content of one object or file.

    Raises
    ------
    VergerError
        It does not exist.
    """
    location = Location.parse(uri)
    try:
        if location.bucket is None:
            return Path(location.key).read_bytes()
        return bytes(obstore.get(s3_store(location.bucket), location.key).bytes())
    except FileNotFoundError:
        raise _missing(uri) from None


def _missing(uri: str) -> VergerError:
    return VergerError(f"{uri}: does not exist, but this step needs it")


def write(uri: str, content: bytes) -> None:
    """Write one object or file whole, over what may be there."""
    location = Location.parse(uri)
    if location.bucket is None:
        with _replacing(Path(location.key)) as file:
            file.write(content)
    else:
        obstore.put(s3_store(location.bucket), location.key, content)


@contextlib.contextmanager
def writing(uri: str) -> Iterator[Sink]:
    """A file to write to bit by bit: one object or file, there as a whole when the body has ended, and not when it has
    failed. On S3 what is larger than ``PART_BYTES`` is sent in parts; those of a failed one are invisible, and vacuum
    removes them.
    """
    location = Location.parse(uri)
    if location.bucket is None:
        with _replacing(Path(location.key)) as file:
            yield Sink(file.write)
        return
    upload = obstore.open_writer(
        s3_store(location.bucket), location.key, buffer_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE
    )
    yield Sink(upload.write)
    upload.close()  # makes it an object


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[BinaryIO]:
    """A file on disk that takes the place of another when the body has ended well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    with partial.open("wb") as file:
        yield file
    partial.replace(target)


def reading(uri: str) -> BinaryIO:
    """One object or file to read parts of, one request for each.

    Raises
    ------
    VergerError
        It does not exist.
    """
    location = Location.parse(uri)
    try:
        if location.bucket is None:
            return Path(location.key).open("rb")
        store = s3_store(location.bucket)
        return cast("BinaryIO", Ranges(store, location.key, obstore.head(store, location.key)["size"]))
    except FileNotFoundError:
        raise _missing(uri) from None


def exists(uri: str) -> bool:
    """Whether there is such an object or file (a folder is none)."""
    location = Location.parse(uri)
    if location.bucket is None:
        return Path(location.key).is_file()
    try:
        obstore.head(s3_store(location.bucket), location.key)
    except FileNotFoundError:
        return False
    return True


def fingerprint(uri: str) -> str:
    """The etag of one object or file, without quotes: another content has another one.

    Raises
    ------
    VergerError
        It does not exist.
    """
    location = Location.parse(uri)
    if location.bucket is None:
        return etag_of(read(uri))
    try:
        etag = obstore.head(s3_store(location.bucket), location.key)["e_tag"]
    except FileNotFoundError:
        raise _missing(uri) from None
    return (etag or "").strip('"')


def etag_of(content: bytes) -> str:
    """The etag of a file on disk: the MD5 of its content in hex, as S3 gives a plain PUT.

    >>> etag_of(b"")
    'd41d8cd98f00b204e9800998ecf8427e'
    """
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def delete(uri: str) -> None:
    """Delete one object or file, if it is there."""
    location = Location.parse(uri)
    if location.bucket is None:
        Path(location.key).unlink(missing_ok=True)
    elif exists(uri):  # else a bucket with versions would keep a marker for what never was
        obstore.delete(s3_store(location.bucket), location.key)


def remove(uri: str) -> None:
    """Delete everything in a folder, if there is anything."""
    location = Location.parse(uri)
    if location.bucket is None:
        shutil.rmtree(location.key, ignore_errors=True)
        return
    store = s3_store(location.bucket)
    for batch in obstore.list(store, f"{location.key.rstrip('/')}/"):
        obstore.delete(store, [item["path"] for item in batch])


def files(folder: str) -> Iterator[tuple[str, int]]:
    """URI and size of what lies directly in a folder, in the order of the names; nothing when there is no folder."""
    location = Location.parse(folder)
    if location.bucket is None:
        there = sorted(path for path in Path(location.key).glob("*") if path.is_file())
        yield from ((f"file://{quote(str(path))}", path.stat().st_size) for path in there)
        return
    prefix = f"{location.key.rstrip('/')}/"
    listed = obstore.list_with_delimiter(s3_store(location.bucket), prefix)["objects"]
    for item in sorted(listed, key=lambda item: item["path"]):
        yield f"s3://{location.bucket}/{item['path']}", item["size"]


def name_of(uri: str) -> str:
    """The last part of a URI.

    >>> name_of("s3://bucket/features/run=A/")
    'run=A'
    """
    return uri.rstrip("/").rpartition("/")[2]


def read_json(uri: str) -> dict[str, Any]:
    """One JSON object.

    Raises
    ------
    VergerError
        It does not exist, or is no JSON object.
    """
    try:
        value = json.loads(read(uri))
    except ValueError as error:
        raise VergerError(f"{uri}: expected JSON, found something else ({error})") from None
    if not isinstance(value, dict):
        raise VergerError(f"{uri}: expected a JSON object, found a {type(value).__name__}")
    return value


def write_json(uri: str, value: Mapping[str, object]) -> None:
    """One JSON object, indented for the people who open it. NaN and infinity, which JSON lacks, are a ValueError."""
    write(uri, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n")
