"""A run waits for more photos only when a setting says so, and never for other work."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verger.cluster_plan.waiting import Need, reason_to_wait
from verger.settings import Sizing

NOW = datetime(2026, 11, 27, 2, tzinfo=UTC)
NEED = Need(waiting=12, other_work=False, published_at=NOW - timedelta(hours=5))
SIZING = Sizing(wait_for_photos=500, wait_hours=24)


def test_a_run_with_few_photos_waits_and_says_for_what_and_how_long() -> None:
    text = reason_to_wait(NEED, SIZING, NOW)
    assert "12 of 500 (VERGER_WAIT_FOR_PHOTOS)" in text
    assert "at most until 2026-11-27 21:00 UTC (VERGER_WAIT_HOURS)" in text
    assert "launch_now" in text


@pytest.mark.parametrize(
    "changed",
    [
        {"waiting": 500},
        {"waiting": 0},
        {"other_work": True},
        {"launch_now": True},
        {"published_at": None},
        {"published_at": NOW - timedelta(hours=24)},
    ],
)
def test_it_does_not_wait(changed: dict[str, object]) -> None:
    assert reason_to_wait(replace(NEED, **changed), SIZING, NOW) == ""  # type: ignore[arg-type]


@given(st.integers(0, 10**9), st.booleans(), st.floats(0, 1e5), st.booleans())
def test_no_run_waits_by_default(waiting: int, other_work: bool, hours: float, launch_now: bool) -> None:
    published_at = NOW - timedelta(hours=hours)
    need = Need(waiting=waiting, other_work=other_work, published_at=published_at, launch_now=launch_now)
    assert reason_to_wait(need, Sizing(), NOW) == ""
