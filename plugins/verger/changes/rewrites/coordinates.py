"""Chooses the coordinates that a run keeps, and those that it writes again, if the basis is kept.

With the basis kept, the coordinates of unchanged photos do not change. A run therefore writes those of new and changed
photos, and the snapshot names the tables of coordinates of earlier runs too. Rows of these tables become out of date:
their photo was deleted or changed, or another feature run took their row by compaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from verger.changes.full_refresh import FullRefresh
from verger.changes.params import PlanError, RunParams
from verger.publication.model import FeatureRun, PcaRun, Snapshot
from verger_contract.keys import PCA, owner, with_attempt
from verger_contract.plan import BasisPolicy, least_explained_variance

if TYPE_CHECKING:
    from verger.changes.run_base import RunBase
    from verger.settings import Settings

MAX_SHARE_OF_STALE_ROWS = 0.5
"""The largest share of rows of a table that are not current: reads and storage at most double."""

MAX_REMOVED_ROWS = 500_000
"""The most rows that an update removes from the statistics. Every Spark task holds their paths, some 50 MB."""

LOST_BASIS = "the published basis is lost or damaged"


@dataclass(frozen=True, kw_only=True)
class Coordinates:
    """What a run does with the published coordinates. Feature runs are given by id.

    Attributes
    ----------
    statistics : str or None
        The published statistics that the run updates, `<run>~<attempt>`. None: the run makes a full pass over all
        current photos, and writes all coordinates.
    since_full_pass : int
        Publications since the last full pass, with this run.
    keep : tuple of PcaRun
        The published tables that stay, with the feature runs that are read from them.
    again : tuple of str
        The kept feature runs whose coordinates are written again.
    """

    statistics: str | None
    since_full_pass: int
    keep: tuple[PcaRun, ...]
    again: tuple[str, ...]

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Coordinates:
        """Return the inverse of `dataclasses.asdict`."""
        keep = tuple(PcaRun(**{**table, "features": tuple(table["features"])}) for table in facts["keep"])
        return cls(**{**facts, "keep": keep, "again": tuple(facts["again"])})


def choose(
    published: Snapshot | None,
    features: Sequence[FeatureRun],
    *,
    removed: int,
    is_lost: bool,
    damaged: Collection[str],
    full_pass_after: int,
    max_age: timedelta,
    now: datetime,
) -> Coordinates:
    """Return what the run does if the basis is kept.

    Parameters
    ----------
    published
        The snapshot that the run is based on.
    features
        The published feature runs that stay, with their current rows.
    removed
        The number of published rows that the run deletes.
    is_lost
        Whether features are lost: then the statistics cannot be updated.
    damaged
        The tables of coordinates that have lost or damaged files.
    full_pass_after
        The number of publications after which a run makes a full pass.
    max_age
        The longest time that a row may stay that is not current.
    """
    runs = tuple(run.run for run in features)
    since = None if published is None else published.since_full_pass
    if published is None or since is None or is_lost or since + 1 >= full_pass_after or removed > MAX_REMOVED_ROWS:
        return Coordinates(statistics=None, since_full_pass=0, keep=(), again=runs)
    current = {run.run: run.current_rows for run in features}
    tables = (_with_current(table, current, now) for table in published.pca if table.run not in damaged)
    keep = tuple(table for table in tables if table.features and not _must_go(table, current, max_age, now))
    kept = {run for table in keep for run in table.features or ()}
    return Coordinates(
        statistics=with_attempt(str(published.run), published.pca_attempt),
        since_full_pass=since + 1,
        keep=keep,
        again=tuple(run for run in runs if run not in kept),
    )


def of_run(
    base: RunBase, features: Sequence[FeatureRun], settings: Settings, *, has_basis: bool, removed: int, now: datetime
) -> Coordinates:
    """Return what a run does if the basis is kept, from what it starts from. The arguments are those of `choose`."""
    return choose(
        base.published if has_basis and not base.full_refresh else None,
        features,
        removed=removed,
        is_lost=bool(base.lost),
        damaged=runs_of(base.lost_projections),
        full_pass_after=settings.pca.full_pass_after,
        max_age=settings.retention.max_deletes_age,
        now=now,
    )


def basis_to_keep(published: Snapshot | None, params: RunParams, full_refresh: FullRefresh) -> tuple[str | None, str]:
    """Return the run whose basis may be kept, or why there is none."""
    if params.basis == BasisPolicy.REFIT:
        return None, "requested"
    if full_refresh.other_features:
        reason = full_refresh.reason
    elif not published or not published.basis:
        reason = LOST_BASIS if published and published.run else "no basis is published yet"
    elif params.basis == BasisPolicy.AUTO and params.target_variance != published.basis_target:
        return None, f"the target was changed from {published.basis_target:g} to {params.target_variance:g}"
    else:
        return published.basis, ""
    if params.basis == BasisPolicy.REUSE:
        raise PlanError(f"basis=reuse: no basis can be reused: {reason}; start the run with basis=auto or refit")
    return None, reason


def overdue(published: Snapshot | None, max_age: timedelta, now: datetime) -> list[str]:
    """Return the tables that have rows out of date for `max_age`. They are replaced even without other work."""
    tables = published.pca if published else ()
    return [table.run for table in tables if _is_overdue(table, max_age, now)]


def reasons(published: Snapshot | None, params: RunParams, tolerance: float) -> list[str]:
    """Return why the published coordinates are out of date, apart from changed photos, in words."""
    if not published or not published.run or params.basis == BasisPolicy.REUSE:
        return []
    found, target, explained = [], params.target_variance, published.explained_variance
    if params.basis == BasisPolicy.REFIT and owner(str(published.basis)) != published.run:
        found.append("a basis that is fitted to the current photos was requested")
    if target != published.basis_target:
        found.append(f"target variance {target:g} instead of {published.basis_target:g}")
    elif (
        params.basis == BasisPolicy.AUTO
        and explained is not None
        and explained < least_explained_variance(target, tolerance)
    ):
        # The explained variance is None when the photos have no variance: then no basis can be fitted.
        found.append(f"the published basis explains {explained:.4f} of the variance, target {target:g}")
    return found


def runs_of(lost: Iterable[str]) -> frozenset[str]:
    """Return the tables of lost files.

    Examples
    --------
    >>> sorted(runs_of(["pca/run=A~0a1b2c3d/part-00001.parquet", "pca/run=B/"]))
    ['A~0a1b2c3d', 'B']
    """
    return frozenset(key.removeprefix(PCA).partition("/")[0] for key in lost)


def _with_current(table: PcaRun, current: Mapping[str, int], now: datetime) -> PcaRun:
    """Return a table with the feature runs that are still read from it."""
    runs = tuple(run for run in table.features or () if run in current)
    is_stale = sum(current[run] for run in runs) < table.rows
    return replace(table, features=runs, stale_since=table.stale_since or (now.isoformat() if is_stale else None))


def _must_go(table: PcaRun, current: Mapping[str, int], max_age: timedelta, now: datetime) -> bool:
    rows = sum(current[run] for run in table.features or ())
    return table.rows - rows > MAX_SHARE_OF_STALE_ROWS * table.rows or _is_overdue(table, max_age, now)


def _is_overdue(table: PcaRun, max_age: timedelta, now: datetime) -> bool:
    return table.stale_since is not None and now - datetime.fromisoformat(table.stale_since) >= max_age
