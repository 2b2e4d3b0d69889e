"""The run in progress: its bars and its active tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from verger.clock import now
from verger_contract.keys import Run
from verger_ui.sources import airflow_runs, documents
from verger_ui.sources.airflow_runs import AirflowRun
from verger_ui.sources.bucket import Bucket
from verger_ui.views.progress_bars import ProgressBar, progress_bars
from verger_ui.views.run_facts import RunFacts, State
from verger_ui.views.run_list import PER_PAGE, ordered, read

ACTIVE = ("running", "deferred", "queued", "scheduled")
"""States of the active tasks."""


ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
"""States of the tasks that have ended."""
ROLLBACK = "rollback"
"""The task that only a rollback executes. It is skipped in every other run."""


@dataclass(frozen=True)
class InProgress:
    """A run in progress.

    Attributes
    ----------
    run : str
    bars : sequence of ProgressBar
    tasks : sequence of str
        The active tasks.
    since : datetime or None
        Start of the run.
    done, total : int
        Tasks that have ended, and all tasks; 0 when Airflow does not have the run.
    elapsed : float or None
        Seconds since the start.
    remaining : float or None
        Seconds that the plan expects from now to the last check; None without a plan, or when they have passed.
    planned : float or None
        Seconds that the plan expects from the launch of the cluster to the last check.
    cluster : str
        State of the cluster according to the tasks of the run; empty before its launch.
    nodes : int or None
        Planned nodes, with the primary node.
    changes : mapping of str to int or None
        The counts of the plan that are not 0.
    """

    run: str
    bars: Sequence[ProgressBar]
    tasks: Sequence[str]
    since: datetime | None
    done: int = 0
    total: int = 0
    elapsed: float | None = None
    remaining: float | None = None
    planned: float | None = None
    cluster: str = ""
    nodes: int | None = None
    changes: Mapping[str, int | None] = field(default_factory=dict)


def in_progress(bucket: Bucket, run: str, since: datetime | None, airflow: AirflowRun | None) -> InProgress:
    """Read the progress of a run."""
    keys = Run(bucket.name, run)
    found = bucket.jsons([keys.progress, keys.plan, keys.cluster])
    tasks = airflow_runs.tasks([airflow.dag_run_id])[airflow.dag_run_id] if airflow else ()
    plan, planned = documents.Plan.of(found[keys.plan]), documents.PlannedCluster.of(found[keys.cluster])
    of_run = [task for task in tasks if task.task != ROLLBACK]
    seconds = None if planned.minutes is None else 60 * planned.minutes
    launched = next((task.start for task in tasks if task.task == "create_cluster"), None)
    left = seconds - (now() - launched).total_seconds() if seconds is not None and launched else seconds
    return InProgress(
        run=run,
        bars=progress_bars(found[keys.progress]),
        tasks=[task.task for task in tasks if task.state in ACTIVE],
        since=since,
        done=sum(task.state in ENDED for task in of_run),
        total=len(of_run),
        elapsed=(now() - since).total_seconds() if since else None,
        remaining=left if left is not None and left > 0 and plan.work else None,
        planned=seconds if plan.work else None,
        cluster=cluster_state({task.task: task.state for task in tasks}),
        nodes=1 + planned.core + (planned.task or 0) if planned.core is not None and plan.work else None,
        changes={name: count for name, count in plan.photos.items() if count},
    )


def cluster_state(states: Mapping[str, str]) -> str:
    """Return the state of the cluster according to the states of the tasks; empty before its launch. Pure."""
    if states.get("terminate_cluster") == "success":
        return "terminated"
    if states.get("terminate_cluster") in ACTIVE:
        return "terminating"
    if states.get("cluster_ready") == "success":
        return "running"
    return "starting" if states.get("create_cluster") == "success" else ""


def active_run(runs: Iterable[RunFacts], known: Mapping[str, AirflowRun]) -> RunFacts | None:
    """Return the run in progress. A running one goes before one that waits for it; None when there is none."""
    found = [run for run in runs if run.state is State.IN_PROGRESS]
    return next((run for run in found if run.id not in known or known[run.id].running), next(iter(found), None))


def find(bucket: Bucket, run: str | None = None) -> InProgress | None:
    """Return the progress of a run, or of the active run when none is named; None when it is not in progress.

    The page reads it every few seconds. For a run that Airflow has, only its progress is read on S3.
    """
    known = airflow_runs.newest()
    if run is None:
        chosen = next((airflow for airflow in known.values() if airflow.running), None)
    else:
        chosen = known.get(run)
        if chosen and not chosen.in_progress:
            return None
    if chosen:
        return in_progress(bucket, chosen.id, chosen.at, chosen)
    candidates = [run] if run else ordered(bucket, known)[:PER_PAGE]
    candidates = [one for one in candidates if one not in known or known[one].in_progress]
    found = active_run(read(bucket, candidates, known, bucket.publication()).values(), known)
    return in_progress(bucket, found.id, found.at, known.get(found.id)) if found else None
