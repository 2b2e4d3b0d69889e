"""Rolls back to an earlier snapshot, and publishes an empty one."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING

from verger.publication import commit
from verger.publication.commit import Current
from verger.publication.model import Publication, Snapshot
from verger.run_id import run_id
from verger_contract.errors import VergerError
from verger_contract.keys import PUBLISHED, uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class RollbackError(VergerError):
    """The snapshot to roll back to is not kept; the message lists the kept ones."""


def rollback(client: S3Client, bucket: str, run: str, at: datetime) -> Publication:
    """Make the snapshot of `run` current again. Only `published.json` is written.

    Parameters
    ----------
    client : S3Client
    bucket : str
    run : str
        The run id of Verger or of Airflow.
    at : datetime

    Raises
    ------
    RollbackError
        No kept snapshot is of that run, or nothing is published.
    MissingDataError
        Data of the snapshot is missing.
    CommitConflictError
        `published.json` was replaced at the same time.
    """
    current = published(client, bucket)
    publication = current.publication
    target = next((old for old in publication.kept if old.run and old.run in (run, run_id(run))), None)
    if target is None:
        kept = ", ".join(old.run for old in publication.history if old.run) or "none"
        raise RollbackError(f"run {run}: found no kept snapshot of this run, expected one of these runs: {kept}")
    if target == publication.current:
        return publication
    commit.check_data(client, bucket, target)
    again = dataclasses.replace(
        target, published_at=at.isoformat(), superseded_at=None, rolled_back_from=publication.current.run
    )
    restored = publication.followed_by(again)
    commit.replace(client, bucket, restored, current.etag)
    return restored


def unpublish(client: S3Client, bucket: str, at: datetime) -> Publication:
    """Publish an empty snapshot. The previous snapshot stays in the history, so that it can be rolled back to.

    Raises
    ------
    RollbackError
        Nothing is published.
    CommitConflictError
        `published.json` was replaced at the same time.
    """
    current = published(client, bucket)
    if current.publication.current.run is None:
        return current.publication
    emptied = current.publication.followed_by(_empty(current.publication.current, at))
    commit.replace(client, bucket, emptied, current.etag)
    return emptied


def published(client: S3Client, bucket: str) -> Current:
    """Return what is published. Raises RollbackError when there is nothing."""
    current = commit.current(client, bucket)
    if current is None:
        raise RollbackError(f"{uri(bucket, PUBLISHED)}: expected a publication, found none")
    return current


def _empty(before: Snapshot, now: datetime) -> Snapshot:
    return Snapshot(
        published_at=now.isoformat(),
        run=None,
        features=(),
        pca=(),
        basis=None,
        photos=0,
        rejected=0,
        k=0,
        target_variance=before.target_variance,
        explained_variance=None,
        model=before.model,
        artifacts=before.artifacts,
        images_prefix=before.images_prefix,
        changes={"deleted": before.photos + before.rejected},
        basis_reason="unpublished",
        basis_target=before.basis_target,
    )
