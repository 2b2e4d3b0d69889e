"""Rolling back to an earlier publication, and publishing the empty one."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

from verger.errors import VergerError
from verger.publication import build, commit
from verger.publication.commit import Current
from verger.publication.model import Publication
from verger_contract.keys import PUBLISHED, uri


class RollbackError(VergerError):
    """There is nothing to go back to; the message lists what there is."""


def rollback(client: Any, bucket: str, run: str, at: datetime) -> Publication:
    """Make the publication of `run` current again; nothing but `published.json` is written.

    Raises RollbackError when it is not among those that are kept or its data is not there, CommitConflictError when
    another run published meanwhile.
    """
    current = published(client, bucket)
    publication = current.publication
    target = next((old for old in publication.kept if old.run == run), None)
    if target is None:
        kept = ", ".join(old.run for old in publication.history if old.run) or "none"
        raise RollbackError(f"run {run}: expected one of the publications that are kept, found it is none of {kept}")
    if target == publication.current:
        return publication
    commit.check_data(client, bucket, target)
    again = dataclasses.replace(
        target, published_at=at.isoformat(), superseded_at=None, rolled_back_from=publication.current.run
    )
    restored = publication.followed_by(again)
    commit.replace(client, bucket, restored, current.etag)
    return restored


def unpublish(client: Any, bucket: str, at: datetime) -> Publication:
    """Publish the empty set. What was current can be rolled back to as long as any other."""
    current = published(client, bucket)
    if current.publication.current.run is None:
        return current.publication
    nothing = current.publication.followed_by(build.empty(current.publication.current, at))
    commit.replace(client, bucket, nothing, current.etag)
    return nothing


def published(client: Any, bucket: str) -> Current:
    current = commit.current(client, bucket)
    if current is None:
        raise RollbackError(f"{uri(bucket, PUBLISHED)}: expected a publication, found none")
    return current
