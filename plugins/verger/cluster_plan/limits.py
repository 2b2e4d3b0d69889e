"""The time limits of the steps of a run. Pure."""

from __future__ import annotations

import math

from verger.cluster_plan.plan import ClusterPlan
from verger.settings import Schedule

SHORTEST_LIMIT_MINUTES = 60
"""A step of few photos may wait for nodes, and its node may be slow: these minutes do not depend on the photos."""


def step_limits(planned: ClusterPlan, schedule: Schedule) -> dict[str, int]:
    """Return the time limit of each step in minutes, so that a step that hangs does not hold the cluster for hours.

    A step may take VERGER_STEP_PLAN_FACTOR times the minutes of the plan, at least SHORTEST_LIMIT_MINUTES, and at most
    VERGER_STEP_MINUTES. The latter alone counts when the plan knows no minutes, or the factor is 0.

    Parameters
    ----------
    planned : ClusterPlan
    schedule : Schedule

    Returns
    -------
    dict of str to int
        By the name of the step: featurize, verify_features, pca, verify_pca. A verification reads what its step wrote,
        so it has the limit of the step.
    """
    first, second = (_limit(minutes, schedule) for minutes in (planned.step_1_minutes, planned.step_2_minutes))
    return {"featurize": first, "verify_features": first, "pca": second, "verify_pca": second}


def _limit(expected: float | None, schedule: Schedule) -> int:
    if expected is None or not schedule.step_plan_factor:
        return schedule.step_minutes
    wanted = max(SHORTEST_LIMIT_MINUTES, math.ceil(schedule.step_plan_factor * expected))
    return min(wanted, schedule.step_minutes)
