"""The choice of the feature runs that are compacted: small cases, and limits that always hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verger.changes.rewrites.compaction import MAX_DELETED_ROWS, MAX_FEATURE_RUNS, choose, overdue
from verger.publication.model import FeatureRun

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
AGE = timedelta(days=21)


def run(name: str, rows: int, current_rows: int, days: float = 1) -> FeatureRun:
    since = (NOW - timedelta(days=days)).isoformat() if current_rows < rows else None
    return FeatureRun(run=name, rows=rows, current_rows=current_rows, deletes_since=since)


@pytest.mark.parametrize(
    ("runs", "chosen"),
    [
        ([], set()),
        ([run("a", 100, 100)], set()),
        ([run("a", 100, 50)], set()),
        ([run("a", 100, 49)], {"a"}),
        ([run("a", 100, 49), run("b", 100, 51)], {"a"}),
        ([run("a", 100, 99, days=20.9)], set()),
        ([run("a", 100, 99, days=21)], {"a"}),
        ([run("a", 10**9, 10**9 - MAX_DELETED_ROWS)], set()),
        ([run("a", 10**9, 10**9 - MAX_DELETED_ROWS), run("b", 10**9, 10**9 - 1)], {"a"}),
        ([run(f"{number}", number + 1, number + 1) for number in range(MAX_FEATURE_RUNS)], set()),
        (
            [run(f"{number}", number + 1, number + 1) for number in range(MAX_FEATURE_RUNS + 1)],
            {f"{number}" for number in range(MAX_FEATURE_RUNS + 1 - MAX_FEATURE_RUNS // 2)},
        ),
    ],
)
def test_choice_of_runs(runs: list[FeatureRun], chosen: set[str]) -> None:
    assert choose(runs, AGE, NOW) == chosen


@given(st.lists(st.tuples(st.integers(1, 10**6), st.floats(0.01, 1), st.floats(0, 60)), max_size=40))
def test_reads_storage_and_the_age_of_deleted_rows_are_limited(
    drawn: list[tuple[int, float, float]],
) -> None:
    runs = [run(f"r{n}", rows, max(1, int(rows * share)), days) for n, (rows, share, days) in enumerate(drawn)]
    chosen = choose(runs, AGE, NOW)
    left = [kept for kept in runs if kept.run not in chosen]
    assert len(left) + bool(chosen) <= MAX_FEATURE_RUNS
    assert sum(kept.rows for kept in left) <= 2 * sum(kept.current_rows for kept in left)
    assert sum(kept.rows - kept.current_rows for kept in left) <= MAX_DELETED_ROWS
    assert not overdue(left, AGE, NOW)


def test_rows_are_rewritten_rarely_by_many_small_runs() -> None:
    """With ten new photos a day and a million old ones, the million is never rewritten, and the others a few times."""
    runs, rewritten = [run("base", 10**6, 10**6)], 0
    for day in range(365):
        chosen = choose(runs, AGE, NOW)
        moved = sum(kept.current_rows for kept in runs if kept.run in chosen)
        rewritten += moved
        runs = [kept for kept in runs if kept.run not in chosen]
        runs += [run(f"c{day}", moved, moved)] * bool(moved) + [run(f"n{day}", 10, 10)]
        assert len(runs) <= MAX_FEATURE_RUNS + 1
    assert runs[0].run == "base"
    assert rewritten < 365 * 10 * 24
