"""Removes what nobody needs any more: expired snapshots, and what failed runs left. Repeating it is always safe."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from verger.publication import commit, retention
from verger.publication.commit import CommitConflictError, Current
from verger.publication.retention import KINDS, Found, RunMarker
from verger.s3.clients import read_json
from verger.s3.errors import StorageError
from verger.settings import Retention
from verger.tables.parquet import chunks
from verger_contract.keys import RUNS, Run, uri

log = logging.getLogger(__name__)

PER_REQUEST = 1000
"""Keys that one DeleteObjects takes."""


def vacuum(s3: Any, run: Run, keep: Retention, now: datetime) -> int:
    """Remove what no kept snapshot names, unless it belongs to a run at work; `run` is the one that asks, at its end.

    Returns the number of objects (versions, where the bucket keeps versions: one left behind would be a photo not
    erased). Raises StorageError when something may not be deleted.
    """
    bucket = Bucket(s3, run.bucket, s3.get_bucket_versioning(Bucket=run.bucket).get("Status") is not None)
    there = {kind: set(bucket.folders(prefix)) for kind, prefix in KINDS.items()}
    folders = [Found(item["Key"].split("/")[1], item["Key"], item["LastModified"]) for item in bucket.under(RUNS)]
    began = list(_began(s3, run.bucket, folders))
    # Read after all else: a run that began with another ETag than this one can never publish any more.
    current = _expire(s3, run, began, keep, now)
    if current is None:
        return 0
    alive = retention.alive(began, current.etag, run.id)
    prefixes = retention.prefixes_to_delete(there, current.publication, alive)
    keys = retention.objects_to_delete(folders, current.publication, alive, keep.erasure_age, now)
    own = [run.features, run.rejects, run.pca, run.basis]
    removed = bucket.remove(prefixes, keys) + bucket.remove_old_versions(own)
    for prefix in own:
        bucket.abort_uploads(prefix)  # of workers that died
    if removed:
        log.info("%s: %s objects removed that no kept publication names", uri(run.bucket, ""), f"{removed:,}")
    return removed


def _expire(s3: Any, run: Run, began: Iterable[RunMarker], keep: Retention, now: datetime) -> Current | None:
    """Take expired snapshots out of `published.json` before anything of theirs is deleted, so that nobody rolls back to
    them; and change its ETag when a run began with it long ago, so that this run can never publish. Returns what is
    current then.
    """
    current = commit.current(s3, run.bucket)
    if current is None:
        return None
    publication = current.publication
    history = retention.kept_history(publication, keep.snapshot_age, now)
    if history == publication.history and not retention.stale(began, current.etag, run.id, now):
        return current
    try:
        commit.replace(s3, run.bucket, publication.keeping(history), current.etag)
    except CommitConflictError:
        log.info("%s was replaced meanwhile: whoever did that expires what is to expire", uri(run.bucket, RUNS))
    return commit.current(s3, run.bucket)


def _began(s3: Any, bucket: str, folders: Iterable[Found]) -> Iterator[RunMarker]:
    for run in {found.run for found in folders if found.key == Run(bucket, found.run).marker}:
        said = read_json(s3, bucket, Run(bucket, run).marker)
        if said:
            yield RunMarker(run, said["base_etag"], datetime.fromisoformat(said["started_at"]))


@dataclass(frozen=True)
class Bucket:
    """A bucket seen with all versions of its objects, where it keeps them: to list them, and to delete them all."""

    s3: Any
    name: str
    versions: bool

    def folders(self, prefix: str) -> Iterator[str]:
        """The ids of the folders `<prefix><id>/`."""
        for page in self._pages(Prefix=prefix, Delimiter="/"):
            for folder in page.get("CommonPrefixes", ()):
                yield folder["Prefix"].removeprefix(prefix).removesuffix("/")

    def under(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Every object, version and delete marker under a prefix."""
        for page in self._pages(Prefix=prefix):
            yield from page.get("Contents", ())
            yield from page.get("Versions", ())
            yield from page.get("DeleteMarkers", ())

    def remove(self, prefixes: Iterable[str], keys: Iterable[str]) -> int:
        """Everything under the prefixes, unfinished uploads included, and the single keys; how many objects."""
        count = 0
        for prefix in prefixes:
            self.abort_uploads(prefix)
            count += self._delete(self.under(prefix))
        if self.versions:
            return count + self._delete(item for key in {*keys} for item in self.under(key) if item["Key"] == key)
        return count + self._delete({"Key": key} for key in keys)

    def remove_old_versions(self, prefixes: Iterable[str]) -> int:
        """What lies under what is current: a step that was done twice wrote over its first results."""
        if not self.versions:
            return 0
        # A delete marker is the latest version of what is deleted.
        old = (item for prefix in prefixes for item in self.under(prefix) if "Size" not in item or not item["IsLatest"])
        return self._delete(old)

    def _pages(self, **asked: Any) -> Iterator[dict[str, Any]]:
        operation = "list_object_versions" if self.versions else "list_objects_v2"
        pages: Iterator[dict[str, Any]] = self.s3.get_paginator(operation).paginate(Bucket=self.name, **asked)
        return pages

    def _delete(self, items: Iterable[dict[str, Any]]) -> int:
        count = 0
        for group in chunks(items, PER_REQUEST):
            which = [{name: item[name] for name in ("Key", "VersionId") if name in item} for item in group]
            answer = self.s3.delete_objects(Bucket=self.name, Delete={"Objects": which, "Quiet": True})
            for error in answer.get("Errors", ()):
                raise StorageError(
                    f"{uri(self.name, error['Key'])}: may not be deleted ({error.get('Code')}: "
                    f"{error.get('Message')}); grant s3:DeleteObject and s3:DeleteObjectVersion there to the "
                    "credentials of Airflow's connection, then clear this task"
                )
            count += len(group)
        return count

    def abort_uploads(self, prefix: str) -> None:
        """What a killed step had begun to upload is invisible, but paid for."""
        for page in self.s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.name, Prefix=prefix):
            for upload in page.get("Uploads", ()):
                self.s3.abort_multipart_upload(Bucket=self.name, Key=upload["Key"], UploadId=upload["UploadId"])
