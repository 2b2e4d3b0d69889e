"""Reads the photos from an S3 bucket, or from a folder for work without S3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import obstore
from obstore import exceptions

from verger_contract.reasons import RejectKind
from verger_photo.unreadable import UnreadablePhoto
from verger_spark.io.location import Location
from verger_spark.io.s3_store import can_request, s3_store
from verger_spark.io.storage import etag_of

ReadPhoto = Callable[[str, str], bytes]
"""(path, etag) -> the content of exactly that version of the photo.

It raises UnreadablePhoto when this version cannot be read. Any other exception is a failure of the store, and fails the
task.
"""


def open_source(uri: str) -> ReadPhoto:
    """Return a function that reads the photos under `uri`.

    Parameters
    ----------
    uri : str
        `s3://bucket`: paths are keys. `file:///folder`: paths are relative to the folder.

    Returns
    -------
    ReadPhoto
        Several threads may call it at the same time.
    """
    location = Location.parse(uri)
    if location.bucket is None:
        return _folder(Path(location.key))
    return _bucket(location.bucket)


def _bucket(bucket: str) -> ReadPhoto:
    store = s3_store(bucket)

    def read(path: str, etag: str) -> bytes:
        if not can_request(path):
            raise UnreadablePhoto(
                RejectKind.KEY_CANNOT_BE_READ,
                "it has an empty or dot segment or a control character: rename the object",
            )
        try:
            return bytes(obstore.get(store, path, options={"if_match": f'"{etag}"'}).bytes())
        except (FileNotFoundError, exceptions.NotFoundError):
            raise UnreadablePhoto(RejectKind.DELETED) from None
        except exceptions.PreconditionError:
            raise _changed(etag) from None
        except (exceptions.PermissionDeniedError, PermissionError):
            raise UnreadablePhoto(
                RejectKind.ACCESS_DENIED, "by the bucket, its key or an archive storage class"
            ) from None

    return read


def _folder(root: Path) -> ReadPhoto:
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
