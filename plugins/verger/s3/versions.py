"""Lists and deletes objects of a bucket with all their versions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

from verger.s3.errors import StorageError
from verger_contract.keys import uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS_PER_REQUEST = 1000
"""Keys that one DeleteObjects request takes."""


@dataclass(frozen=True)
class Bucket:
    """A bucket with all versions of its objects.

    Attributes
    ----------
    s3 : S3Client
    name : str
    versions : bool
        Whether the bucket keeps versions.
    """

    s3: S3Client
    name: str
    versions: bool

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the ids of the folders `<prefix><id>/`."""
        for page in self._pages(Prefix=prefix, Delimiter="/"):
            for folder in page.get("CommonPrefixes", ()):
                yield folder["Prefix"].removeprefix(prefix).removesuffix("/")

    def objects(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Yield every object, or every version and delete marker, under a prefix, as S3 lists them."""
        for page in self._pages(Prefix=prefix):
            yield from page.get("Contents", ())
            yield from page.get("Versions", ())
            yield from page.get("DeleteMarkers", ())

    def delete(self, prefixes: Iterable[str], keys: Iterable[str]) -> int:
        """Delete all objects under the prefixes, their unfinished uploads, and single keys. Return how many objects.

        Raises
        ------
        StorageError
            An object may not be deleted.
        """
        count = 0
        for prefix in prefixes:
            self.abort_uploads(prefix)
            count += self._delete(self.objects(prefix))
        if self.versions:
            return count + self._delete(item for key in {*keys} for item in self.objects(key) if item["Key"] == key)
        return count + self._delete({"Key": key} for key in keys)

    def delete_old_versions(self, prefixes: Iterable[str]) -> int:
        """Delete versions that are not current: a step that runs twice overwrites its first results."""
        if not self.versions:
            return 0
        # A delete marker has no size. It is the latest version of a deleted object.
        old = (
            item for prefix in prefixes for item in self.objects(prefix) if "Size" not in item or not item["IsLatest"]
        )
        return self._delete(old)

    def abort_uploads(self, prefix: str) -> None:
        """Abort unfinished multipart uploads. Their parts are in no listing of objects, but S3 bills them."""
        for page in self.s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.name, Prefix=prefix):
            for upload in page.get("Uploads", ()):
                self.s3.abort_multipart_upload(Bucket=self.name, Key=upload["Key"], UploadId=upload["UploadId"])

    def _pages(self, **request: str) -> Iterator[dict[str, Any]]:
        operation = "list_object_versions" if self.versions else "list_objects_v2"
        paginator = self.s3.get_paginator(cast("Any", operation))
        pages: Iterator[dict[str, Any]] = paginator.paginate(Bucket=self.name, **request)
        return pages

    def _delete(self, items: Iterable[dict[str, Any]]) -> int:
        count, left = 0, iter(items)
        while group := list(islice(left, KEYS_PER_REQUEST)):
            objects = [{name: item[name] for name in ("Key", "VersionId") if name in item} for item in group]
            answer = self.s3.delete_objects(Bucket=self.name, Delete={"Objects": cast("Any", objects), "Quiet": True})
            for error in answer.get("Errors", ()):
                raise StorageError(
                    f"{uri(self.name, str(error.get('Key')))}: may not be deleted ({error.get('Code')}: "
                    f"{error.get('Message')}); grant s3:DeleteObject and s3:DeleteObjectVersion there to the "
                    "credentials of the Airflow connection, then clear this task"
                )
            count += len(group)
        return count
