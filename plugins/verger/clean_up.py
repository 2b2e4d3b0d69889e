"""Removes what nobody needs any more: expired snapshots, and what failed runs left. Repeating it is always safe."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from verger import publish, retention
from verger.paths import Run, uri
from verger.publish import Current, LostRaceError
from verger.refusals import StorageError
from verger.retention import KINDS, Began, Found
from verger.s3 import read_json
from verger.settings import Retention
from verger.tables import chunks

log = logging.getLogger(__name__)

RUNS = "runs/"
PER_REQUEST = 1000
"""Keys that one DeleteObjects takes."""


def clean_up(s3: Any, run: Run, keep: Retention, now: datetime) -> int:
    """Remove what no kept snapshot names, unless it belongs to a run at work; `run` is the one that asks, at its end.

    Returns the number of objects (versions, where the bucket keeps versions: one left behind would be a photo not
    erased). Raises StorageError when something may not be deleted.
    """
    bucket = run.bucket
    there = {kind: set(_runs(s3, bucket, prefix)) for kind, prefix in KINDS.items()}
    folders = list(_objects_of_runs(s3, bucket))
    began = list(_began(s3, bucket, folders))
    # Read after all else: a run that began with another ETag than this one can never publish any more.
    current = _expire(s3, run, began, keep, now)
    if current is None:
        return 0
    alive = retention.alive(began, current.etag, run.id)
    prefixes = retention.prefixes_to_delete(there, current.publication, alive)
    keys = retention.objects_to_delete(folders, current.publication, alive, keep.erasure_age, now)
    remover = Remover(s3, bucket, s3.get_bucket_versioning(Bucket=bucket).get("Status") is not None)
    removed = remover.remove(prefixes, keys)
    if removed:
        log.info("%s: %s objects removed that no kept publication names", uri(bucket, ""), f"{removed:,}")
    return removed


def _expire(s3: Any, run: Run, began: Iterable[Began], keep: Retention, now: datetime) -> Current | None:
    """Take expired snapshots out of `published.json` before anything of theirs is deleted, so that nobody rolls back to
    them; and change its ETag when a run began with it long ago, so that this run can never publish. Returns what is
    current then.
    """
    current = publish.current(s3, run.bucket)
    if current is None:
        return None
    publication = current.publication
    history = retention.kept_history(publication, keep.snapshot_age, now)
    if history == publication.history and not retention.stale(began, current.etag, run.id, now):
        return current
    try:
        publish.replace(s3, run.bucket, publication.keeping(history), current.etag)
    except LostRaceError:
        log.info("%s was replaced meanwhile: whoever did that expires what is to expire", uri(run.bucket, RUNS))
    return publish.current(s3, run.bucket)


def _runs(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    """The ids of the folders `<prefix><id>/`."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/"):
        for folder in page.get("CommonPrefixes", ()):
            yield folder["Prefix"].removeprefix(prefix).removesuffix("/")


def _objects_of_runs(s3: Any, bucket: str) -> Iterator[Found]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=RUNS):
        for item in page.get("Contents", ()):
            yield Found(item["Key"].removeprefix(RUNS).split("/")[0], item["Key"], item["LastModified"])


def _began(s3: Any, bucket: str, folders: Iterable[Found]) -> Iterator[Began]:
    for found in folders:
        if found.key == Run(bucket, found.run).began:
            said = read_json(s3, bucket, found.key)
            if said:
                yield Began(found.run, said["published_etag"], datetime.fromisoformat(said["at"]))


@dataclass(frozen=True)
class Remover:
    """Deletes objects; of a bucket that keeps versions, every version of them."""

    s3: Any
    bucket: str
    versions: bool

    def remove(self, prefixes: Iterable[str], keys: Iterable[str]) -> int:
        """Everything under the prefixes, unfinished uploads included, and the single keys; how many objects."""
        count = 0
        for prefix in prefixes:
            self._abort_uploads(prefix)
            count += self._delete(self._under(prefix))
        if self.versions:
            return count + self._delete(item for key in keys for item in self._under(key) if item["Key"] == key)
        return count + self._delete({"Key": key} for key in keys)

    def _under(self, prefix: str) -> Iterator[dict[str, str]]:
        operation = "list_object_versions" if self.versions else "list_objects_v2"
        for page in self.s3.get_paginator(operation).paginate(Bucket=self.bucket, Prefix=prefix):
            for item in [*page.get("Contents", ()), *page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                yield {name: item[name] for name in ("Key", "VersionId") if name in item}

    def _delete(self, items: Iterable[dict[str, str]]) -> int:
        count = 0
        for group in chunks(items, PER_REQUEST):
            answer = self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": group, "Quiet": True})
            for error in answer.get("Errors", ()):
                raise StorageError(
                    f"{uri(self.bucket, error['Key'])}: may not be deleted ({error.get('Code')}: "
                    f"{error.get('Message')}); grant s3:DeleteObject and s3:DeleteObjectVersion there to the "
                    "credentials of Airflow's connection, then clear this task"
                )
            count += len(group)
        return count

    def _abort_uploads(self, prefix: str) -> None:
        """What a killed step had begun to upload is invisible, but paid for."""
        for page in self.s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=prefix):
            for upload in page.get("Uploads", ()):
                self.s3.abort_multipart_upload(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"])
