"""What of the bucket nobody needs any more. Pure: decides from names, never deletes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from verger.publication.model import Publication, Snapshot
from verger_contract.keys import BASES, COMPACTED_DELETES, FEATURES, PCA, REJECTS, owner

KINDS = {"features": FEATURES, "rejects": REJECTS, "pca": PCA, "basis": BASES}
"""What a run writes outside its folder in runs/, and where."""

LASTING = "report.json"
"""Of a published run this stays: figures, no photo's name."""


LONGEST_RUN = timedelta(days=7)
"""A run that has not published by then is taken for dead; cleared after that it is told to start anew."""


@dataclass(frozen=True)
class RunMarker:
    """What a run noted when it began: the ETag of `published.json` (None: there was none), and the time."""

    run: str
    etag: str | None
    at: datetime


@dataclass(frozen=True)
class Found:
    """An object of a run's folder in runs/."""

    run: str
    key: str
    modified: datetime


def kept_history(publication: Publication, age: timedelta, now: datetime) -> tuple[Snapshot, ...]:
    """The snapshots that one can still roll back to: those that were replaced less than `age` ago."""
    return tuple(
        old
        for old in publication.history
        if old.superseded_at and now - datetime.fromisoformat(old.superseded_at) < age
    )


def needed(publication: Publication) -> dict[str, frozenset[str]]:
    """The runs whose data of each kind (and whose folder in runs/) a kept snapshot names."""
    kept = publication.kept
    runs = frozenset(snapshot.run for snapshot in kept if snapshot.run)
    return {
        "features": frozenset(features.run for snapshot in kept for features in snapshot.features),
        "rejects": runs,
        "pca": frozenset(snapshot.pca for snapshot in kept if snapshot.pca),
        "basis": frozenset(snapshot.basis for snapshot in kept if snapshot.basis),
        "runs": runs,
    }


def alive(began: Iterable[RunMarker], etag: str, finished: str) -> frozenset[str]:
    """The runs that may still be at work: those that began with what is published now, but for the one that asks.

    Nobody who read another ETag can publish any more, so no clock is needed.
    """
    return frozenset(run.run for run in began if run.etag == etag and run.run != finished)


def stale(began: Iterable[RunMarker], etag: str, finished: str, now: datetime) -> bool:
    """Whether a run that might still publish, by its ETag, began longer ago than any run can take."""
    return any(run.etag == etag and run.run != finished and now - run.at > LONGEST_RUN for run in began)


def prefixes_to_delete(
    there: Mapping[str, Iterable[str]], publication: Publication, alive: frozenset[str]
) -> list[str]:
    """Key prefixes of the data that can go; `there` names the runs found of each kind."""
    wanted = needed(publication)
    return [
        f"{KINDS[kind]}{run}/"
        for kind, runs in there.items()
        for run in sorted(runs)
        if run not in wanted[kind] and owner(run) not in alive
    ]


def objects_to_delete(
    there: Iterable[Found], publication: Publication, alive: frozenset[str], age: timedelta, now: datetime
) -> list[str]:
    """Keys in runs/ that can go: tables and pages of runs that are not needed, after `age` their JSON as well, and of
    every run at its end the list of what it dropped.
    """
    wanted = needed(publication)["runs"] | alive

    def can_go(found: Found) -> bool:
        if found.key.endswith(f"/{COMPACTED_DELETES}"):
            return found.run not in alive
        if found.run in wanted or found.key.endswith(f"/{LASTING}"):
            return False
        return not found.key.endswith(".json") or now - found.modified >= age

    return [found.key for found in there if can_go(found)]
