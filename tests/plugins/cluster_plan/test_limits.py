from __future__ import annotations

from dataclasses import replace

import pytest

from verger.cluster_plan.limits import step_limits
from verger.cluster_plan.plan import ClusterPlan
from verger.settings import Settings

SCHEDULE = Settings.from_environment({"VERGER_BUCKET": "orchard"}).schedule


def plan(first: float | None, second: float | None) -> ClusterPlan:
    return ClusterPlan(
        core=1, task=0, data_gib=64, photos=1, bytes=1, listed=1, step_1_minutes=first, step_2_minutes=second
    )


def limits(first: int, second: int) -> dict[str, int]:
    """A verification has the limit of the step that it verifies."""
    return {"featurize": first, "verify_features": first, "pca": second, "verify_pca": second}


@pytest.mark.parametrize(
    ("expected", "limit"),
    [(0.5, 60), (6.0, 60), (6.05, 61), (71.9, 719), (72.1, 720), (1000.0, 720), (None, 720)],
)
def test_a_step_may_take_ten_times_its_plan_within_an_hour_and_the_setting(expected: float | None, limit: int) -> None:
    assert step_limits(plan(expected, 1.0), SCHEDULE) == limits(limit, 60)
    assert step_limits(plan(1.0, expected), SCHEDULE) == limits(60, limit)


def test_a_shorter_setting_and_a_factor_of_zero_count() -> None:
    assert step_limits(plan(1.0, 1.0), replace(SCHEDULE, step_minutes=4)) == limits(4, 4)
    assert step_limits(plan(1.0, 1.0), replace(SCHEDULE, step_plan_factor=0)) == limits(720, 720)
