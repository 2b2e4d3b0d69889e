"""The run in progress: its bars and its active tasks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from verger_contract.keys import Run
from verger_ui.sources import airflow_runs
from verger_ui.sources.airflow_runs import AirflowRun
from verger_ui.sources.bucket import Bucket
from verger_ui.views.progress_bars import ProgressBar, progress_bars
from verger_ui.views.run_facts import RunFacts, State
from verger_ui.views.run_list import PER_PAGE, ordered, read

ACTIVE = ("running", "deferred", "queued", "scheduled")
"""States of the active tasks."""


@dataclass(frozen=True)
class InProgress:
    """A run in progress, its progress bars, its active tasks, and its start."""

    run: str
    bars: Sequence[ProgressBar]
    tasks: Sequence[str]
    since: datetime | None


def in_progress(bucket: Bucket, run: str, since: datetime | None, airflow: AirflowRun | None) -> InProgress:
    """Read the progress of a run."""
    progress = bucket.json(Run(bucket.name, run).progress)
    tasks = airflow_runs.tasks([airflow.dag_run_id])[airflow.dag_run_id] if airflow else ()
    return InProgress(run, progress_bars(progress), [task.task for task in tasks if task.state in ACTIVE], since)


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
