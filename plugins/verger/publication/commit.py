"""The commit: a run replaces `published.json` only if the object has the same ETag as when the run started.

Every write increments `revision`, so ETags never repeat, and a run that holds a stale ETag can never commit. Whether a
run may still publish follows from its base ETag. Vacuum uses a clock only to end runs older than 7 days.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from verger.publication import coordinates
from verger.publication.model import Publication, Snapshot, parse
from verger.s3 import bodies
from verger.s3.clients import error_code, read_json, write_json
from verger.tables import file_list
from verger.tables.parquet import TableError
from verger_contract.errors import VergerError
from verger_contract.keys import PUBLISHED, Run, manifest_keys, name_of, owner, uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class CommitConflictError(VergerError):
    """`published.json` was replaced since this run started.

    Another run, a rollback, unpublish, or vacuum (which removes expired snapshots and ends old runs) replaced it.
    """


class AlreadyPublishedError(VergerError):
    """The run is published, so readers use its data."""


class MissingDataError(VergerError):
    """Data that a snapshot names is missing."""


class PublicationError(VergerError):
    """`published.json` has unexpected content."""


@dataclass(frozen=True)
class Current:
    """The content of `published.json`, and its ETag in quotes, as `If-Match` takes it."""

    publication: Publication
    etag: str


def current(s3: S3Client, bucket: str) -> Current | None:
    """Read `published.json`; None before the first publication.

    Raises
    ------
    PublicationError
        The object has unexpected content.
    """
    try:
        found = bodies.content(s3, bucket, PUBLISHED)
    except s3.exceptions.NoSuchKey:
        return None
    try:
        return Current(parse(found.body), found.etag)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PublicationError(
            f"{uri(bucket, PUBLISHED)}: expected the JSON that names the published run, its features, pca and basis; "
            f"found something else ({type(error).__name__}: {error}); restore an earlier version of the object, or "
            "delete it: then the next run featurizes all photos"
        ) from error


def check_unpublished(s3: S3Client, bucket: str, run: str) -> Current | None:
    """Check that no kept snapshot names the data of a run, so that the run may write. Return what is published.

    Raises
    ------
    AlreadyPublishedError, PublicationError
    """
    published = current(s3, bucket)
    if published and run in map(owner, published.publication.named):
        raise AlreadyPublishedError(
            f"run {run} is already published ({uri(bucket, PUBLISHED)} names it): clearing it would rewrite data that "
            "readers use; start a new run"
        )
    return published


def check_may_write(s3: S3Client, run: Run) -> None:
    """Check, before expensive work, that the run is unpublished and can still commit.

    Raises
    ------
    AlreadyPublishedError, CommitConflictError, PublicationError
    """
    published = check_unpublished(s3, run.bucket, run.id)
    marker = read_json(s3, run.bucket, run.marker)
    # Vacuum deletes the marker of an old run.
    if marker is None or marker["base_etag"] != (published.etag if published else None):
        raise _conflict(run.bucket, run.id, published)


def start_run(s3: S3Client, run: Run, now: datetime) -> Current | None:
    """Write the run marker, the first object of a run. Return what is published, which the run may replace.

    Raises
    ------
    AlreadyPublishedError, PublicationError
    """
    base = check_unpublished(s3, run.bucket, run.id)
    write_json(s3, run.bucket, run.marker, {"base_etag": base.etag if base else None, "started_at": now.isoformat()})
    return base


def check_base(s3: S3Client, run: Run, etag: str | None) -> Current | None:
    """Return what is published if its ETag is still `etag`, the one from the start of the run.

    Raises
    ------
    CommitConflictError
        The ETag is another.
    """
    published = current(s3, run.bucket)
    if (published.etag if published else None) != etag:
        raise _conflict(run.bucket, run.id, published)
    return published


def base_snapshot(s3: S3Client, run: Run, etag: str | None) -> Snapshot | None:
    """Return the snapshot that an unpublished run is based on; None when there is none.

    Raises
    ------
    AlreadyPublishedError, CommitConflictError, PublicationError
    """
    check_unpublished(s3, run.bucket, run.id)
    base = check_base(s3, run, etag)
    return base.publication.current if base else None


def already_published(s3: S3Client, run: Run, etag: str | None) -> Publication | None:
    """Return the publication if its current snapshot is that of the run, None if the run may publish.

    Raises
    ------
    CommitConflictError
        Neither holds: the ETag is not `etag`, the one from the start of the run.
    """
    published = current(s3, run.bucket)
    if published and published.publication.current.run == run.id:
        return published.publication
    check_base(s3, run, etag)
    return None


def publish(s3: S3Client, run: Run, snapshot: Snapshot, etag: str | None) -> Publication:
    """Make `snapshot` of `run` current if the ETag of `published.json` is still `etag`.

    A second try of a published run changes nothing.

    Raises
    ------
    CommitConflictError
        `published.json` was replaced since this run started.
    MissingDataError
        Data that the snapshot names is missing.
    """
    done = already_published(s3, run, etag)
    if done:
        return done
    check_data(s3, run.bucket, snapshot)
    base = check_base(s3, run, etag)
    publication = base.publication.followed_by(snapshot) if base else Publication(snapshot)
    replace(s3, run.bucket, publication, etag)
    return publication


def check_data(s3: S3Client, bucket: str, snapshot: Snapshot) -> None:
    """Check that there is an object under every key and prefix that a snapshot names, and every file of a file list.

    Raises
    ------
    MissingDataError
        An object is missing, or has another size than its file list says; of the run itself, another ETag.
    """
    run = Run(bucket, str(snapshot.run), pca_attempt=snapshot.pca_attempt)
    prefixes = [Run(bucket, features.run).features for features in snapshot.features]
    prefixes += coordinates.prefixes(bucket, snapshot)
    prefixes += [Run(bucket, snapshot.basis).basis] if snapshot.basis else []
    statistics = [] if snapshot.since_full_pass is None else [run.moments, run.label_sums]
    manifest = manifest_keys(bucket, [part.run for part in snapshot.manifest])
    for prefix in (*prefixes, *manifest, run.deletes, *statistics):
        if not s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1).get("KeyCount"):
            raise MissingDataError(
                f"run {snapshot.run}: expected its data in {uri(bucket, prefix)}, found nothing there; start a new run"
            )
    verified = snapshot.file_lists(bucket)
    for prefix in prefixes:
        _check_files(s3, bucket, prefix, verified.get(prefix), is_own=owner(name_of(prefix)) == run.id)


def _check_files(s3: S3Client, bucket: str, prefix: str, verified: str | None, *, is_own: bool) -> None:
    """Compare a table with its file list. ETags of earlier runs may differ: a copy of the bucket has others."""
    try:
        listed, found = file_list.read(s3, bucket, prefix, verified), file_list.stored(s3, bucket, prefix)
    except TableError as error:
        raise MissingDataError(f"{error}; nothing is published: start a new run") from error
    if listed is None:
        return
    problems = file_list.differences(
        listed, found if is_own else [dataclasses.replace(file, etag=None) for file in found]
    )
    if problems:
        raise MissingDataError(
            f"{uri(bucket, prefix)}: expected the {len(listed):,} files of its file list, found "
            f"{file_list.in_words(problems)}; nothing is published: start a new run"
        )


def replace(s3: S3Client, bucket: str, publication: Publication, etag: str | None) -> str:
    """Replace `published.json` if its ETag is still `etag` (None: if there is none yet). Return the new ETag.

    Raises
    ------
    CommitConflictError
        The ETag is another.
    """
    from botocore.exceptions import ClientError

    body = json.dumps(publication.document(), indent=2, ensure_ascii=False).encode()
    try:
        if etag:
            answer = s3.put_object(
                Bucket=bucket, Key=PUBLISHED, Body=body, ContentType="application/json", IfMatch=etag
            )
        else:
            answer = s3.put_object(
                Bucket=bucket, Key=PUBLISHED, Body=body, ContentType="application/json", IfNoneMatch="*"
            )
    except ClientError as error:
        # S3 answers 404 to If-Match when the object was deleted, and 409 when two writes are concurrent.
        if error_code(error) not in ("PreconditionFailed", "NoSuchKey", "404", "ConditionalRequestConflict"):
            raise
        published = current(s3, bucket)
        # The response to a successful PUT may be lost. Then botocore repeats the PUT, and S3 refuses the repetition.
        if published and published.publication == publication:
            return published.etag
        raise _conflict(bucket, str(publication.current.run), published) from error
    return str(answer["ETag"])


def _conflict(bucket: str, run: str, published: Current | None) -> CommitConflictError:
    if published is None:
        found = "it deleted"
    else:
        current_run = published.publication.current.run
        revision = f"revision {published.publication.revision}"
        found = f"it replaced by run {current_run} ({revision})" if current_run else f"it unpublished ({revision})"
    return CommitConflictError(
        f"{uri(bucket, PUBLISHED)}: expected it unchanged since run {run} started, found {found}; this run published "
        "nothing, and the current data is unchanged: start a new run, which includes the photos of this one"
    )
