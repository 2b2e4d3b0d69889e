"""Decides which data vacuum deletes, from names, ETags and times. Deletes nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from verger.publication.model import Publication, Snapshot
from verger_contract.keys import (
    BASES,
    COMPACTED_DELETES,
    DELETED,
    FEATURES,
    PCA,
    REJECTS,
    REMOVED,
    manifest_keys,
    owner,
)

PREFIXES = {"features": FEATURES, "rejects": REJECTS, "pca": PCA, "basis": BASES}
"""The kinds of data that a run writes outside its folder in runs/, and their key prefixes."""

OF_A_RUN_ALONE = (COMPACTED_DELETES, DELETED, REMOVED)
"""Tables of deleted photos and rows that only the run itself reads."""

NEVER_DELETED = "report.json"
"""The file that stays when the other files of a published run are deleted. It names no photo."""

LONGEST_RUN = timedelta(days=7)
"""A run that started more than 7 days ago and has not published counts as failed. When such a run is cleared later, it
fails with a commit conflict."""


@dataclass(frozen=True)
class RunMarker:
    """run.json of a run: the ETag of `published.json` when it started (None: there was none), and that time."""

    run: str
    base_etag: str | None
    started_at: datetime


@dataclass(frozen=True)
class RunObject:
    """An object in the folder of a run in runs/."""

    run: str
    key: str
    modified: datetime


def kept_history(publication: Publication, age: timedelta, now: datetime) -> tuple[Snapshot, ...]:
    """Return the earlier snapshots that stay: those that were superseded less than `age` ago."""
    return tuple(
        old
        for old in publication.history
        if old.superseded_at and now - datetime.fromisoformat(old.superseded_at) < age
    )


def needed(publication: Publication) -> dict[str, frozenset[str]]:
    """Return what a kept snapshot names.

    Returns
    -------
    dict of str to frozenset of str
        The runs, for each kind of data and for the folders in runs/; under `manifests` the keys of the manifests.
    """
    kept = publication.kept
    runs = frozenset(snapshot.run for snapshot in kept if snapshot.run)
    return {
        "features": frozenset(features.run for snapshot in kept for features in snapshot.features),
        "rejects": frozenset(snapshot.rejects or snapshot.run for snapshot in kept if snapshot.run),
        "pca": frozenset(table.run for snapshot in kept for table in snapshot.pca),
        "basis": frozenset(snapshot.basis for snapshot in kept if snapshot.basis),
        "runs": runs,
        "manifests": frozenset(
            key for snapshot in kept for key in manifest_keys("", [part.run for part in snapshot.manifest])
        ),
    }


def publishable_runs(markers: Iterable[RunMarker], etag: str, finished: str) -> frozenset[str]:
    """Return the runs that may still publish.

    Parameters
    ----------
    etag
        The current ETag of `published.json`. Only a run that started with it can publish.
    finished
        The run that calls vacuum at its end; empty when that run may still publish.
    """
    return frozenset(marker.run for marker in markers if marker.base_etag == etag and marker.run != finished)


def has_stale_run(markers: Iterable[RunMarker], etag: str, finished: str, now: datetime) -> bool:
    """Whether a run may still publish by its ETag, but started longer ago than a run can take.

    The parameters are those of `publishable_runs`.
    """
    return any(
        marker.base_etag == etag and marker.run != finished and now - marker.started_at > LONGEST_RUN
        for marker in markers
    )


def prefixes_to_delete(
    found: Mapping[str, Iterable[str]], publication: Publication, publishable: frozenset[str]
) -> list[str]:
    """Return the key prefixes of data that no kept snapshot names and that belong to no publishable run.

    Parameters
    ----------
    found
        The runs that have data in the bucket, by kind of data.
    """
    wanted = needed(publication)
    return [
        f"{PREFIXES[kind]}{run}/"
        for kind, runs in found.items()
        for run in sorted(runs)
        if run not in wanted[kind] and owner(run) not in publishable
    ]


def records_to_delete(found: Iterable[Mapping[str, Any]], age: timedelta, now: datetime) -> list[str]:
    """Return the keys of the objects that were written at least `age` ago.

    Parameters
    ----------
    found
        Objects as S3 lists them.
    """
    return [item["Key"] for item in found if now - item["LastModified"] >= age]


def objects_to_delete(
    found: Iterable[RunObject], publication: Publication, publishable: frozenset[str], age: timedelta, now: datetime
) -> list[str]:
    """Return the keys in runs/ to delete.

    Tables, statistics and pages of runs that no kept snapshot names are deleted at once, except the parts of a manifest
    that a kept snapshot names, and their JSON files after `age`. The tables of ``OF_A_RUN_ALONE``
    are deleted when the run can no longer publish.
    """
    named = needed(publication)
    wanted, manifests = named["runs"] | publishable, named["manifests"]

    def is_expired(found: RunObject) -> bool:
        if found.key.endswith(tuple(f"/{name}" for name in OF_A_RUN_ALONE)):
            return found.run not in publishable
        if found.run in wanted or found.key in manifests or found.key.endswith(f"/{NEVER_DELETED}"):
            return False
        return not found.key.endswith(".json") or now - found.modified >= age

    return [run_object.key for run_object in found if is_expired(run_object)]
