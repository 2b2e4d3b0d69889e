"""Which feature runs are rewritten without their dead rows. Pure.

A feature run is written once and read by every later run, while photos change and disappear. Left alone, reads and
storage would grow without end, and the features of a deleted photo would stay for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from verger.publication.model import FeatureRun

MOST_DEAD_SHARE = 0.5
"""More dead rows than that in a run: storage and reads at most double."""

MOST_DEAD_ROWS = 500_000
"""Dead rows in all runs together: whoever reads the features holds their paths in memory, some 50 MB."""

MOST_RUNS = 16
"""Feature runs. When there are more, the smaller ones become one: large ones are rewritten rarely, reads stay few."""


def choose(runs: Sequence[FeatureRun], max_deletes_age: timedelta, now: datetime) -> frozenset[str]:
    """The runs to be rewritten into one. All have live rows.

    Rewritten are runs with more than half of their rows dead, those whose dead rows are older than `most_dead_age`,
    then the ones with most dead rows until few are left, then the smaller ones until there are few runs.
    """
    chosen = {
        run.run for run in runs if _dead(run) > MOST_DEAD_SHARE * run.rows or _is_due(run, max_deletes_age, now)
    }  # fmt: skip
    left = sorted((run for run in runs if run.run not in chosen), key=_dead)
    while sum(map(_dead, left)) > MOST_DEAD_ROWS:
        chosen.add(left.pop().run)
    if len(left) + bool(chosen) > MOST_RUNS:
        smallest = sorted(left, key=lambda run: run.current_rows)[: len(left) - MOST_RUNS // 2]
        chosen.update(run.run for run in smallest)
    return frozenset(chosen)


def due(runs: Sequence[FeatureRun], max_deletes_age: timedelta, now: datetime) -> list[str]:
    """The runs whose dead rows have to go now, whatever else there is to do."""
    return [run.run for run in runs if _is_due(run, max_deletes_age, now)]


def _dead(run: FeatureRun) -> int:
    return run.rows - run.current_rows


def _is_due(run: FeatureRun, max_deletes_age: timedelta, now: datetime) -> bool:
    return run.deletes_since is not None and now - datetime.fromisoformat(run.deletes_since) >= max_deletes_age
