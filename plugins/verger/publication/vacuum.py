"""Deletes expired snapshots, and the data of failed runs. Running it again is always safe."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from verger.publication import commit, retention
from verger.publication.commit import CommitConflictError, Current
from verger.publication.retention import PREFIXES, RunMarker, RunObject
from verger.s3.clients import read_json
from verger.s3.versions import Bucket
from verger.settings import Retention
from verger_contract.errors import one_line
from verger_contract.keys import ATTEMPT_MARK, FEATURES, JANITOR, RUNS, Run, uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)


def vacuum(s3: S3Client, run: Run, keep: Retention, now: datetime) -> int:
    """Delete the data that no kept snapshot names, except that of publishable runs.

    In a bucket that keeps versions, all versions are deleted: otherwise a deleted photo would keep its features.

    Parameters
    ----------
    run
        The run that calls this function at its end. Its data is kept while it may still publish.

    Returns
    -------
    int
        The number of deleted objects, or versions.

    Raises
    ------
    StorageError
        An object may not be deleted.
    """
    bucket = Bucket(s3, run.bucket, s3.get_bucket_versioning(Bucket=run.bucket).get("Status") is not None)
    found = {kind: set(bucket.folders(prefix)) for kind, prefix in PREFIXES.items()}
    objects = [RunObject(item["Key"].split("/")[1], item["Key"], item["LastModified"]) for item in bucket.objects(RUNS)]
    markers = list(_markers(s3, run.bucket, objects))
    # Read published.json last. A run writes its marker before any data, so `markers` has every run whose data the
    # listings above contain. A run that starts after the listings has its objects in none of them.
    current = _expire(s3, run, markers, keep, now)
    if current is None:
        return 0
    publishable = retention.publishable_runs(markers, current.etag, "" if _has_work(s3, run) else run.id)
    prefixes = retention.prefixes_to_delete(found, current.publication, publishable)
    keys = retention.objects_to_delete(objects, current.publication, publishable, keep.erasure_age, now)
    keys += retention.records_to_delete(bucket.objects(JANITOR), keep.erasure_age, now)
    own = [f"{prefix}{run.id}{end}" for prefix in PREFIXES.values() for end in ("/", ATTEMPT_MARK)]
    own.append(f"{FEATURES}{run.compacted}{ATTEMPT_MARK}")
    deleted = bucket.delete(prefixes, keys) + bucket.delete_old_versions(own)
    for prefix in own:
        bucket.abort_uploads(prefix)  # of killed Spark executors
    if deleted:
        log.info("%s: %s objects deleted that no kept snapshot names", uri(run.bucket, ""), f"{deleted:,}")
    return deleted


def _has_work(s3: S3Client, run: Run) -> bool:
    """Return whether the plan of a run has work.

    A run with work calls vacuum after it has published, so that its data is named. When a user has marked `publish` as
    success, vacuum starts while the process of `publish` may still be about to write published.json.
    """
    plan = read_json(s3, run.bucket, run.plan)
    return isinstance(plan, Mapping) and plan.get("work") is not False


def _expire(s3: S3Client, run: Run, markers: Iterable[RunMarker], keep: Retention, now: datetime) -> Current | None:
    """Remove expired snapshots from `published.json`, and return its content.

    This happens before their data is deleted, so that no rollback can select them. It also changes the ETag, so that a
    run that started long ago with the same ETag can never publish.
    """
    current = commit.current(s3, run.bucket)
    if current is None:
        return None
    publication = current.publication
    history = retention.kept_history(publication, keep.snapshot_age, now)
    if history == publication.history and not retention.has_stale_run(markers, current.etag, run.id, now):
        return current
    try:
        commit.replace(s3, run.bucket, publication.keeping(history), current.etag)
    except CommitConflictError:
        log.info("s3://%s: another run published during vacuum; its own vacuum expires the snapshots", run.bucket)
    return commit.current(s3, run.bucket)


def _markers(s3: S3Client, bucket: str, objects: Iterable[RunObject]) -> Iterator[RunMarker]:
    for run in {found.run for found in objects if found.key == Run(bucket, found.run).marker}:
        try:
            marker = read_json(s3, bucket, Run(bucket, run).marker)
            if marker:
                yield RunMarker(run, marker["base_etag"], datetime.fromisoformat(marker["started_at"]))
        except (ValueError, KeyError, TypeError) as error:  # such a run cannot publish: `check_may_write` fails
            log.warning("%s is damaged (%s): run %s counts as failed", Run(bucket, run).marker, one_line(error), run)
