"""The commit point: `published.json`, replaced only when it still is what it was at the start of the run.

Its content never repeats (`revision` rises with every write), so neither does its ETag: who read another ETag than the
present one can never replace it any more. By that, not by clocks, a run that is over is told from one at work.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from verger.errors import VergerError
from verger.publication.model import Publication, Snapshot, parse
from verger.s3.clients import error_code, read_json, write_json
from verger_contract.keys import PUBLISHED, Run, owner, uri


class CommitConflictError(VergerError):
    """Another run published since this one began."""


class AlreadyPublishedError(VergerError):
    """The run is published: readers use what it wrote."""


class MissingDataError(VergerError):
    """What is to be published is not there any more."""


class PublicationError(VergerError):
    """`published.json` is not what Verger writes there."""


@dataclass(frozen=True)
class Current:
    """What is published, and the ETag of it, quoted as If-Match wants it."""

    publication: Publication
    etag: str


def current(s3: Any, bucket: str) -> Current | None:
    """Read `published.json`; None before the first publication. Raises PublicationError when it is unreadable."""
    try:
        answer = s3.get_object(Bucket=bucket, Key=PUBLISHED)
    except s3.exceptions.NoSuchKey:
        return None
    try:
        return Current(parse(answer["Body"].read()), answer["ETag"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PublicationError(
            f"{uri(bucket, PUBLISHED)}: expected the JSON that names the published run, its features, pca and basis; "
            f"found something else ({type(error).__name__}: {error}); put an earlier version of the object back, or "
            "delete it: then all photos are featurized again"
        ) from error


def refuse_published(s3: Any, bucket: str, run: str) -> Current | None:
    """Make sure that the run may write: what it would overwrite is not published. Returns what is.

    Raises AlreadyPublishedError, or PublicationError.
    """
    now = current(s3, bucket)
    if now and run in map(owner, now.publication.named):
        raise AlreadyPublishedError(
            f"run {run} is already published ({uri(bucket, PUBLISHED)} names it): clearing it would rewrite data that "
            "readers use; start a new run"
        )
    return now


def check_may_write(s3: Any, run: Run) -> None:
    """Before work that costs something: the run is not published, and what it began with is still what is.

    Raises AlreadyPublishedError, CommitConflictError, or PublicationError.
    """
    now = refuse_published(s3, run.bucket, run.id)
    began = read_json(s3, run.bucket, run.marker)
    # Of a run that is long over, not even that is left.
    if began is None or began["base_etag"] != (now.etag if now else None):
        raise _lost(run.bucket, run.id, now)


def begin(s3: Any, run: Run, now: datetime) -> Current | None:
    """Begin a run: note in its folder, before anything else is written, which publication it may replace.

    Raises AlreadyPublishedError, or PublicationError.
    """
    found = refuse_published(s3, run.bucket, run.id)
    write_json(s3, run.bucket, run.marker, {"base_etag": found.etag if found else None, "started_at": now.isoformat()})
    return found


def unchanged(s3: Any, run: Run, etag: str | None) -> Current | None:
    """What is published, if it still is what the run began with (`etag`). Raises CommitConflictError when it is not."""
    now = current(s3, run.bucket)
    if (now.etag if now else None) != etag:
        raise _lost(run.bucket, run.id, now)
    return now


def already(s3: Any, run: Run, etag: str | None) -> Publication | None:
    """What is current, if it is of this run: a second try of it has nothing to do. None when the run may publish.

    Raises CommitConflictError when what it began with (`etag`) is current no longer.
    """
    now = current(s3, run.bucket)
    if now and now.publication.current.run == run.id:
        return now.publication
    unchanged(s3, run, etag)
    return None


def publish(s3: Any, run: Run, snapshot: Snapshot, etag: str | None) -> Publication:
    """Make `snapshot` of `run` current if what is published still is what the run began with (`etag`).

    A second try of a run that already published changes nothing. Raises CommitConflictError when another was first, and
    MissingDataError when data that the snapshot names is not there.
    """
    done = already(s3, run, etag)
    if done:
        return done
    check_data(s3, run.bucket, snapshot)
    before = unchanged(s3, run, etag)
    publication = before.publication.followed_by(snapshot) if before else Publication(snapshot)
    replace(s3, run.bucket, publication, etag)
    return publication


def check_data(s3: Any, bucket: str, snapshot: Snapshot) -> None:
    """Every place that a snapshot names holds something. Raises MissingDataError."""
    run = Run(bucket, str(snapshot.run))
    places = [Run(bucket, features.run).features for features in snapshot.features]
    places += [Run(bucket, snapshot.pca).pca] if snapshot.pca else []
    places += [Run(bucket, snapshot.basis).basis] if snapshot.basis else []
    for place in (*places, run.manifest, run.deletes):
        if not s3.list_objects_v2(Bucket=bucket, Prefix=place, MaxKeys=1).get("KeyCount"):
            raise MissingDataError(
                f"run {snapshot.run}: expected its data in {uri(bucket, place)}, found nothing there; start a new run"
            )


def replace(s3: Any, bucket: str, publication: Publication, etag: str | None) -> str:
    """Replace `published.json` if its ETag still is `etag` (None: if there still is none). Returns the new ETag.

    Raises CommitConflictError when somebody else was first.
    """
    from botocore.exceptions import ClientError

    condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
    body = json.dumps(publication.document(), indent=2, ensure_ascii=False).encode()
    try:
        answer = s3.put_object(Bucket=bucket, Key=PUBLISHED, Body=body, ContentType="application/json", **condition)
    except ClientError as error:
        # If-Match on an object that was deleted meanwhile is answered with 404; two at the same time with 409.
        if error_code(error) not in ("PreconditionFailed", "NoSuchKey", "404", "ConditionalRequestConflict"):
            raise
        now = current(s3, bucket)
        # The answer to a first PUT may be lost, and the client's own retry of it refused.
        if now and now.publication == publication:
            return now.etag
        raise _lost(bucket, str(publication.current.run), now) from error
    return str(answer["ETag"])


def _lost(bucket: str, run: str, now: Current | None) -> CommitConflictError:
    found = (
        f"run {now.publication.current.run} published (revision {now.publication.revision})" if now else "it deleted"
    )
    return CommitConflictError(
        f"{uri(bucket, PUBLISHED)}: expected it unchanged since run {run} began, found {found} meanwhile; nothing was "
        "published by this run and the current data is untouched: start a new run, which takes over what is missing"
    )
