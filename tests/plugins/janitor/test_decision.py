"""Which clusters the janitor terminates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from verger.janitor.decision import Action, Cluster, DagRuns, decide

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
LIMIT = timedelta(hours=36)


def cluster(*, hours: float = 1, dag_run: str = "manual__1", protected: bool = False) -> Cluster:
    launched = NOW - timedelta(hours=hours)
    return Cluster(
        id="j-1", dag="fruit_features", dag_run=dag_run, run="manual__1", launched_at=launched, protected=protected
    )


@pytest.mark.parametrize(
    ("found", "runs", "action", "reason"),
    [
        (cluster(), DagRuns(known=1, active=1), Action.KEEP, "DAG run manual__1 is active"),
        (cluster(hours=35.9), DagRuns(known=1, active=1), Action.KEEP, "is active"),
        (cluster(hours=37), DagRuns(known=1, active=1), Action.REPORT, "still active, but the cluster is 37 hours old"),
        (cluster(hours=5000), DagRuns(known=1, active=1), Action.REPORT, "(limit: 36, VERGER_JANITOR_AGE_HOURS)"),
        (cluster(), DagRuns(known=1, active=0), Action.TERMINATE, "DAG run manual__1 has ended"),
        (cluster(hours=0), DagRuns(known=1, active=0), Action.TERMINATE, "has ended"),
        (cluster(), DagRuns(known=0, active=0), Action.TERMINATE, "does not exist: it was deleted, or its DAG"),
        (cluster(hours=37), DagRuns(known=0, active=0), Action.TERMINATE, "does not exist"),
        (cluster(dag_run=""), DagRuns(known=9, active=2), Action.KEEP, "the cluster names no DAG run"),
        (cluster(dag_run=""), DagRuns(known=9, active=0), Action.TERMINATE, "no run of DAG fruit_features is active"),
        (cluster(dag_run=""), DagRuns(known=0, active=0), Action.TERMINATE, "no run of DAG fruit_features is active"),
        (cluster(dag_run="", hours=37), DagRuns(known=9, active=2), Action.TERMINATE, "37 hours old"),
        (cluster(protected=True), DagRuns(known=1, active=1), Action.KEEP, "is active"),
        (cluster(protected=True), DagRuns(known=1, active=0), Action.REPORT, "but its termination protection"),
        (cluster(dag_run="", hours=37, protected=True), DagRuns(known=9, active=2), Action.REPORT, "protection is on"),
    ],
)
def test_a_cluster_is_terminated_when_no_active_dag_run_uses_it(
    found: Cluster, runs: DagRuns, action: Action, reason: str
) -> None:
    decision = decide(found, runs, NOW, LIMIT)
    assert decision.action is action
    assert reason in decision.reason


@pytest.mark.parametrize("hours", [0, 1, 36, 37, 10_000])
@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("active", [1, 3])
def test_a_cluster_of_an_active_run_is_never_terminated(hours: float, protected: bool, active: int) -> None:
    found = cluster(hours=hours, protected=protected)
    assert decide(found, DagRuns(known=active, active=active), NOW, LIMIT).action is not Action.TERMINATE
