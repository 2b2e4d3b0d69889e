"""Where the photos are read from: an S3 bucket, or a folder for work without S3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import obstore
from obstore import exceptions

from verger_contract.reasons import RejectKind
from verger_spark.features.photo import UnreadablePhoto
from verger_spark.io.storage import Location, etag_of, s3_store

Read = Callable[[str, str], bytes]
"""(path, etag) -> the content of exactly that version of the photo. Raises UnreadablePhoto when that version
cannot be had; any other exception is the store's failure, not the photo's, and fails the task."""


def open_source(uri: str) -> Read:
    """A reader of the photos under `uri`: `s3://bucket` (paths are keys) or `file:///folder` (paths are relative).

    The returned function may be called from several threads at once.
    """
    location = Location.parse(uri)
    if location.bucket is None:
        return _folder(Path(location.key))
    return _bucket(location.bucket)


def _bucket(bucket: str) -> Read:
    store = s3_store(bucket)

    def read(path: str, etag: str) -> bytes:
        try:
            return bytes(obstore.get(store, path, options={"if_match": f'"{etag}"'}).bytes())
        except (FileNotFoundError, exceptions.NotFoundError):
            raise UnreadablePhoto(RejectKind.DELETED) from None
        except exceptions.PreconditionError:
            raise _changed(etag) from None
        except ValueError as error:  # raised before any request, for keys that this client cannot express
            if "path" not in str(error):
                raise
            raise UnreadablePhoto(
                RejectKind.KEY_CANNOT_BE_READ,
                "it has an empty or dot segment or a control character: rename the object",
            ) from None
        except (exceptions.PermissionDeniedError, PermissionError):
            raise UnreadablePhoto(
                RejectKind.ACCESS_DENIED, "by the bucket, its key or an archive storage class"
            ) from None

    return read


def _folder(root: Path) -> Read:
    def read(path: str, etag: str) -> bytes:
        try:
            content = (root / path).read_bytes()
        except FileNotFoundError:
            raise UnreadablePhoto(RejectKind.DELETED) from None
        except PermissionError:
            raise UnreadablePhoto(RejectKind.ACCESS_DENIED, "by the file system") from None
        if etag_of(content) != etag:
            raise _changed(etag)
        return content

    return read


def _changed(etag: str) -> UnreadablePhoto:
    return UnreadablePhoto(RejectKind.CHANGED, f"etag was {etag}; the next run takes the new one")
