"""How long the tasks of a run took. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from verger_ui.sources.airflow_runs import AirflowTask
from verger_ui.sources.documents import Task

GROUPS = {
    "cluster": ("create_cluster", "cluster_ready", "terminate_cluster"),
    "featurize": ("featurize", "featurize_done"),
    "pca": ("pca", "pca_done"),
    "verification": ("check_features", "check_projections"),
}
OTHER = "other"


def by_group(tasks: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return the seconds of each group of tasks. A task without a group counts as OTHER; groups of 0 s are left out."""
    group_of = {task: group for group, names in GROUPS.items() for task in names}
    found = dict.fromkeys((*GROUPS, OTHER), 0.0)
    for task, seconds in tasks:
        found[group_of.get(task, OTHER)] += seconds
    return {group: seconds for group, seconds in found.items() if seconds}


def of_task(task: AirflowTask) -> float | None:
    """Return the seconds of an ended task."""
    return (task.end - task.start).total_seconds() if task.start and task.end else None


def span(tasks: Sequence[Task]) -> float | None:
    """Return the seconds from the first start to the last end, because tasks overlap; None where no times are known."""
    starts, ends = [task.start for task in tasks if task.start], [task.end for task in tasks if task.end]
    return (max(ends) - min(starts)).total_seconds() if starts and ends else None
