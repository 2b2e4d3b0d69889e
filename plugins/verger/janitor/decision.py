"""Decides which clusters the janitor terminates. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Action(StrEnum):
    """What the janitor does with a cluster."""

    KEEP = "keep"
    REPORT = "report"
    TERMINATE = "terminate"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """An active cluster of this Airflow, as its tags and EMR describe it.

    Attributes
    ----------
    id : str
    dag : str
        DAG id.
    dag_run : str
        Airflow's id of the DAG run; empty when the tags do not have it.
    run : str
        The run id in the bucket.
    launched_at : datetime
    protected : bool
        A user has set the termination protection: EMR refuses to terminate the cluster.
    """

    id: str
    dag: str
    dag_run: str
    run: str
    launched_at: datetime
    protected: bool = False


@dataclass(frozen=True)
class DagRuns:
    """Numbers of runs in Airflow: of the DAG run with the cluster's id, or of all runs of the DAG without an id.

    Attributes
    ----------
    known : int
        Runs in any state.
    active : int
        Runs that are queued or running. A run with a deferred task is running.
    """

    known: int
    active: int


@dataclass(frozen=True)
class Decision:
    """What the janitor does with a cluster, and one sentence that says why."""

    action: Action
    reason: str


def decide(cluster: Cluster, runs: DagRuns, now: datetime, age_limit: timedelta) -> Decision:
    """Decide what happens to a cluster.

    A cluster is terminated when its DAG run has ended or no longer exists. A cluster whose tags name no DAG run is
    terminated when no run of its DAG is active, or when it is older than the limit. A cluster of an active run is
    never terminated.

    Parameters
    ----------
    cluster : Cluster
    runs : DagRuns
    now : datetime
    age_limit : timedelta
    """
    hours = (now - cluster.launched_at) / timedelta(hours=1)
    is_old = now - cluster.launched_at > age_limit
    age = f"the cluster is {hours:,.0f} hours old (limit: {age_limit / timedelta(hours=1):,.0f}, "
    age += "VERGER_JANITOR_AGE_HOURS)"
    if cluster.dag_run and runs.active:
        if is_old:
            return Decision(Action.REPORT, f"DAG run {cluster.dag_run} is still active, but {age}")
        return Decision(Action.KEEP, f"DAG run {cluster.dag_run} is active")
    if runs.active and not is_old:
        return Decision(Action.KEEP, f"a run of DAG {cluster.dag} is active, and the cluster names no DAG run")
    reason = _reason(cluster, runs, age)
    if cluster.protected:
        return Decision(Action.REPORT, f"{reason}, but its termination protection is on: switch it off")
    return Decision(Action.TERMINATE, reason)


def _reason(cluster: Cluster, runs: DagRuns, age: str) -> str:
    if runs.active:
        return f"{age}, and it names no DAG run"
    if not cluster.dag_run:
        return f"no run of DAG {cluster.dag} is active"
    if runs.known:
        return f"DAG run {cluster.dag_run} has ended"
    return f"DAG run {cluster.dag_run} does not exist: it was deleted, or its DAG {cluster.dag} was"
