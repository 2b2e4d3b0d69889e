"""The commit point: `published.json`, replaced only when it still is what it was at the start of the run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from verger.errors import VergerError
from verger.paths import PUBLISHED, uri
from verger.s3 import error_code

VERSION = 1


class LostRaceError(VergerError):
    """Another run published since this one began."""


class AlreadyPublishedError(VergerError):
    """The run is published: readers use what it wrote."""


class PublicationError(VergerError):
    """`published.json` is not what Verger writes there."""


@dataclass(frozen=True)
class Current:
    """What is published: the run, every run whose data it names, and the ETag, quoted as If-Match wants it."""

    run: str
    named: frozenset[str]
    etag: str


def current(s3: Any, bucket: str) -> Current | None:
    """Read `published.json`; None before the first publication. Raises PublicationError when it is unreadable."""
    try:
        answer = s3.get_object(Bucket=bucket, Key=PUBLISHED)
    except s3.exceptions.NoSuchKey:
        return None
    try:
        said = json.loads(answer["Body"].read())
        named = frozenset([said["run"], *said["features"], said["pca"], said["basis"]])
        if not all(isinstance(run, str) for run in named):
            raise TypeError(f"runs are named by text, found {said}")
    except (ValueError, KeyError, TypeError) as error:
        raise PublicationError(
            f"{uri(bucket, PUBLISHED)}: expected the JSON that names the published run, its features, pca and basis; "
            f"found something else ({type(error).__name__}: {error}); put an earlier version of the object back"
        ) from error
    return Current(said["run"], named, answer["ETag"])


def before_work(s3: Any, bucket: str, run: str) -> str | None:
    """Make sure that the run may write: what it would overwrite is not published. Returns the ETag of
    `published.json`, None before the first publication.

    Raises AlreadyPublishedError, or PublicationError.
    """
    now = current(s3, bucket)
    if now and run in now.named:
        raise AlreadyPublishedError(
            f"run {run} is already published ({uri(bucket, PUBLISHED)} names it): clearing it would rewrite data that "
            "readers use; start a new run"
        )
    return now.etag if now else None


def publish(s3: Any, bucket: str, document: dict[str, Any], etag: str | None) -> None:
    """Replace `published.json` with `document` if its ETag still is `etag` (None: if there still is none).

    A second try of a run that already published changes nothing. Raises LostRaceError when another run was first.
    """
    from botocore.exceptions import ClientError

    condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
    body = json.dumps({"version": VERSION, **document}, indent=2, ensure_ascii=False).encode()
    try:
        s3.put_object(Bucket=bucket, Key=PUBLISHED, Body=body, ContentType="application/json", **condition)
    except ClientError as error:
        # If-Match on an object that was deleted meanwhile is answered with 404.
        if error_code(error) not in ("PreconditionFailed", "NoSuchKey", "404"):
            raise
        now = current(s3, bucket)
        if now and now.run == document["run"]:
            return
        raise LostRaceError(
            f"{uri(bucket, PUBLISHED)}: expected it unchanged since run {document['run']} began, found "
            f"{f'run {now.run} published' if now else 'it deleted'} meanwhile; nothing was published and the current "
            "data is untouched: start a new run"
        ) from error
