"""Reads the photos from an S3 bucket, or from a folder for work without S3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import obstore

from verger_contract.errors import VergerError
from verger_contract.reasons import RejectKind
from verger_photo.unreadable import UnreadablePhoto
from verger_spark.features.photo_errors import changed, reject_of
from verger_spark.io.location import Location
from verger_spark.io.s3_errors import ERRORS, answer_of, store_error
from verger_spark.io.s3_store import can_request, s3_store
from verger_spark.io.storage import etag_of

if TYPE_CHECKING:
    from obstore.store import S3Store

ReadPhoto = Callable[[str, str], bytes]
"""(path, etag) -> the content of exactly that version of the photo.

It raises UnreadablePhoto when this version cannot be read (see `verger_spark.features.photo_errors`). A failure of the
store is a VergerError that names the photo, and fails the task.
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
        except ERRORS as error:
            failure = _unconditional(store, path) or error if answer_of(error).status == 404 else error
            unreadable = reject_of(answer_of(failure), etag)
            raise unreadable or store_error(f"s3://{bucket}/{path}", failure) from None

    return read


def _unconditional(store: S3Store, path: str) -> Exception | None:
    """Return the error of a GET without a condition, None if it succeeds.

    If the bucket does not exist, SeaweedFS answers NoSuchKey to a GET with a condition, but NoSuchBucket to one
    without.
    """
    try:
        obstore.get_range(store, path, start=0, length=1)
    except FileNotFoundError as error:
        return error
    except ERRORS:
        return None
    return None


def _folder(root: Path) -> ReadPhoto:
    def read(path: str, etag: str) -> bytes:
        try:
            content = (root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise UnreadablePhoto(RejectKind.DELETED) from None
        except PermissionError:
            raise UnreadablePhoto(RejectKind.ACCESS_DENIED, "by the file system") from None
        except OSError as error:
            raise VergerError(
                f"{root / path}: cannot be read: {error.strerror}; correct the file or the disk"
            ) from None
        if etag_of(content) != etag:
            raise changed(etag)
        return content

    return read
