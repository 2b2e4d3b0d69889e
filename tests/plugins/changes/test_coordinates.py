"""Which coordinates a run keeps, and when it makes a full pass."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.plugins.snapshots import snapshot
from verger.changes.rewrites import coordinates
from verger.changes.rewrites.coordinates import Coordinates, choose, overdue, runs_of
from verger.publication.model import FeatureRun, PcaRun, Snapshot

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
AGE = timedelta(days=20)
LONG_AGO = (NOW - AGE).isoformat()

TABLES = (
    PcaRun(run="B~1", rows=150, features=("A", "B")),
    PcaRun(run="C~1", rows=10, features=("C",)),
)
FEATURES = (
    FeatureRun(run="A", rows=100, current_rows=100),
    FeatureRun(run="B", rows=50, current_rows=50),
    FeatureRun(run="C", rows=10, current_rows=10),
)


def published(**values: Any) -> Snapshot:
    return snapshot("C", **{"pca": TABLES, "pca_attempt": "1", "since_full_pass": 1, **values})


def chosen(of: Snapshot | None = None, features: tuple[FeatureRun, ...] = FEATURES, **how: Any) -> Coordinates:
    defaults: dict[str, Any] = {"removed": 0, "is_lost": False, "damaged": (), "full_pass_after": 50}
    return choose(of or published(), features, **{**defaults, **how}, max_age=AGE, now=NOW)


def test_a_run_with_few_changes_keeps_all_tables() -> None:
    found = chosen()
    assert found == Coordinates(statistics="C~1", since_full_pass=2, keep=TABLES, again=())
    assert Coordinates.of(asdict(found)) == found


FULL = Coordinates(statistics=None, since_full_pass=0, keep=(), again=("A", "B", "C"))


@pytest.mark.parametrize(
    "how",
    [
        {"is_lost": True},
        {"full_pass_after": 2},
        {"full_pass_after": 1},
        {"removed": coordinates.MAX_REMOVED_ROWS + 1},
        {"of": published(since_full_pass=None, pca=(PcaRun(run="C", rows=160, features=None),))},
    ],
)
def test_reasons_for_a_full_pass(how: dict[str, Any]) -> None:
    """Lost features, many publications, many removed rows, and a publication of an earlier Verger."""
    assert chosen(**how) == FULL


def test_the_first_run_makes_a_full_pass() -> None:
    found = choose(None, (), removed=0, is_lost=False, damaged=(), full_pass_after=50, max_age=AGE, now=NOW)
    assert found == replace(FULL, again=())


def test_rows_that_are_not_current_are_noted_with_their_time() -> None:
    features = (replace(FEATURES[0], current_rows=99), *FEATURES[1:])
    first, second = chosen(features=features).keep
    assert first == replace(TABLES[0], stale_since=NOW.isoformat())
    assert second == TABLES[1]
    earlier = replace(TABLES[0], stale_since=(NOW - timedelta(days=3)).isoformat())
    assert chosen(published(pca=(earlier, TABLES[1])), features=features).keep[0] == earlier


def test_feature_runs_of_a_compaction_leave_their_table() -> None:
    """B is compacted: its rows in the table are not current any more, and A stays there."""
    found = chosen(features=(FEATURES[0], FEATURES[2]))
    assert found.keep == (replace(TABLES[0], features=("A",), stale_since=NOW.isoformat()), TABLES[1])
    assert found.again == ()
    assert chosen(features=FEATURES[:2]).keep == TABLES[:1]


@pytest.mark.parametrize(
    ("of", "features", "damaged"),
    [
        (published(), (replace(FEATURES[0], current_rows=20), *FEATURES[1:]), ()),
        (published(pca=(replace(TABLES[0], stale_since=LONG_AGO), TABLES[1])), FEATURES, ()),
        (published(), FEATURES, {"B~1"}),
    ],
)
def test_a_table_is_written_again(of: Snapshot, features: tuple[FeatureRun, ...], damaged: set[str]) -> None:
    """More than half of its rows, or rows of long ago, are not current; or a file of it is lost."""
    found = chosen(of, features=features, damaged=damaged)
    assert (found.keep, found.again) == (TABLES[1:], ("A", "B"))


def test_a_table_with_rows_of_long_ago_is_a_reason_for_a_run() -> None:
    assert overdue(published(), AGE, NOW) == []
    assert overdue(published(pca=(replace(TABLES[0], stale_since=LONG_AGO), TABLES[1])), AGE, NOW) == ["B~1"]
    assert overdue(None, AGE, NOW) == []


def test_lost_files_name_their_table() -> None:
    assert runs_of(["pca/run=A~0a1b2c3d/part-00001.parquet", "pca/run=B/"]) == {"A~0a1b2c3d", "B"}
