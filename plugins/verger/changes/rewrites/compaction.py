"""Chooses the feature runs that are rewritten without their deleted rows, and when the manifest is.

A feature run is written once, and every later run reads it, while photos change and disappear. Compaction limits how
much later runs read and store, and removes the features of deleted photos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from verger.changes.compare import FEATURIZED, PhotoChange
from verger.publication.model import FeatureRun, ManifestPart

MAX_SHARE_OF_DELETED_ROWS = 0.5
"""The largest share of deleted rows in a feature run: reads and storage at most double."""

MAX_DELETED_ROWS = 500_000
"""The most deleted rows in all feature runs: readers hold their paths in memory, some 50 MB."""

MAX_FEATURE_RUNS = 16
"""The most feature runs. When there are more, the smallest are merged: large ones are rewritten rarely."""

MAX_MANIFEST_PARTS = 16
"""The most parts of a manifest: each is an object that every reader opens."""

MAX_DELTA_ROWS = 500_000
"""The most rows in all deltas of a manifest. Readers merge them row by row, in some seconds."""


def current(runs: Sequence[FeatureRun], current_rows: Mapping[str, int], now: datetime) -> tuple[FeatureRun, ...]:
    """Return the feature runs that have current rows, with their number and the time of the first deleted row."""
    counted = (replace(run, current_rows=current_rows[run.run]) for run in runs)
    return tuple(
        replace(run, deletes_since=run.deletes_since or now.isoformat()) if run.current_rows < run.rows else run
        for run in counted
        if run.current_rows
    )


def choose(runs: Sequence[FeatureRun], max_deletes_age: timedelta, now: datetime) -> frozenset[str]:
    """Return the ids of the feature runs whose current rows are rewritten into one new feature run.

    They are, in this order: runs in which more than half of the rows are deleted; overdue runs; runs with the most
    deleted rows, until the others have at most `MAX_DELETED_ROWS`; the smallest runs, when more than
    `MAX_FEATURE_RUNS` would be left.

    Parameters
    ----------
    runs
        Feature runs that have current rows.
    max_deletes_age
        The longest time that a deleted row may stay.
    """
    chosen = {
        run.run
        for run in runs
        if _deleted_rows(run) > MAX_SHARE_OF_DELETED_ROWS * run.rows or _is_overdue(run, max_deletes_age, now)
    }
    left = sorted((run for run in runs if run.run not in chosen), key=_deleted_rows)
    while sum(map(_deleted_rows, left)) > MAX_DELETED_ROWS:
        chosen.add(left.pop().run)
    if len(left) + bool(chosen) > MAX_FEATURE_RUNS:
        smallest = sorted(left, key=lambda run: run.current_rows)[: len(left) - MAX_FEATURE_RUNS // 2]
        chosen.update(run.run for run in smallest)
    return frozenset(chosen)


def overdue(runs: Sequence[FeatureRun], max_deletes_age: timedelta, now: datetime) -> list[str]:
    """Return the ids of the runs whose first deleted row is `max_deletes_age` old.

    They are compacted even when the run has no other work.
    """
    return [run.run for run in runs if _is_overdue(run, max_deletes_age, now)]


def kept_manifest(
    parts: Sequence[ManifestPart], rows: int, max_deletes_age: timedelta, now: datetime
) -> tuple[ManifestPart, ...]:
    """Return the parts of the manifest that a run keeps and adds a delta to; none when it writes the whole table.

    Parameters
    ----------
    parts
        Those of the published manifest, oldest first.
    rows
        The rows of the delta.
    max_deletes_age
        The longest time that an earlier part may name a photo that was changed or deleted.
    """
    deltas = rows + sum(part.rows for part in parts[1:])
    is_full = len(parts) >= MAX_MANIFEST_PARTS or deltas > MAX_DELTA_ROWS
    return () if is_full or is_manifest_overdue(parts, max_deletes_age, now) else tuple(parts)


def manifest_of(
    run: str, kept: Sequence[ManifestPart], photos: Mapping[str, int], now: datetime
) -> tuple[ManifestPart, ...]:
    """Return the parts of the manifest that a run publishes, oldest first.

    Parameters
    ----------
    kept
        The result of `kept_manifest`.
    photos
        Photos by change, and `listed`.
    """
    if not kept:
        return (ManifestPart(run=run, rows=photos["listed"]),)
    rows = sum(photos[change.value] for change in (*FEATURIZED, PhotoChange.DELETED))
    is_obsolete = any(photos[change.value] for change in (PhotoChange.CHANGED, PhotoChange.DELETED))
    return (*kept, ManifestPart(run=run, rows=rows, deletes_since=now.isoformat() if is_obsolete else None))


def is_manifest_overdue(parts: Sequence[ManifestPart], max_deletes_age: timedelta, now: datetime) -> bool:
    """Return whether a part names a photo that was changed or deleted `max_deletes_age` ago."""
    times = [datetime.fromisoformat(part.deletes_since) for part in parts if part.deletes_since]
    return any(now - time >= max_deletes_age for time in times)


def _deleted_rows(run: FeatureRun) -> int:
    return run.rows - run.current_rows


def _is_overdue(run: FeatureRun, max_deletes_age: timedelta, now: datetime) -> bool:
    return run.deletes_since is not None and now - datetime.fromisoformat(run.deletes_since) >= max_deletes_age
