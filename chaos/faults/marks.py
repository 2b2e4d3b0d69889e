"""A user marks or clears, while each task is active."""

from __future__ import annotations

from collections.abc import Callable

from chaos.faults.moments import TASKS, active
from chaos.harness.trial import Trial
from chaos.scenario import CLEAR, EITHER, NEW_RUN, Scenario


def _run_failed(trial: Trial, task: str) -> None:
    trial.mark_run("failed")


def _run_success(trial: Trial, task: str) -> None:
    trial.mark_run("success")


def _task_failed(trial: Trial, task: str) -> None:
    trial.mark_task(task, "failed")


def _task_success(trial: Trial, task: str) -> None:
    trial.mark_task(task, "success")


def _task_cleared(trial: Trial, task: str) -> None:
    trial.airflow.clear(trial.run, task)


ACTIONS: dict[str, tuple[str, Callable[[Trial, str], None], str]] = {
    "run-failed": ("the run is marked failed", _run_failed, NEW_RUN),
    "run-success": ("the run is marked success", _run_success, NEW_RUN),
    "failed": ("the task is marked failed", _task_failed, CLEAR),
    "success": ("the task is marked success", _task_success, CLEAR),
    "cleared": ("the task is cleared with its downstream tasks", _task_cleared, CLEAR),
}
"""By name: words, action, documented recovery."""
NAMED = ("list_images", "stage_artifacts", "create_cluster", "check_features", "check_projections", "publish")
"""The tasks whose result a later task misses. The message of that task, and that of `outcome`, says to clear them."""


def _scenario(action: str, task: str) -> Scenario:
    words, act, recovery = ACTIONS[action]
    if action == "success" and task in NAMED:
        recovery = task

    def play(trial: Trial) -> None:
        active(trial, task)
        act(trial, task)

    return Scenario(
        f"mark.{action}.{task}",
        f"{words} while {task} is active",
        play,
        EITHER,
        recovery,
        marks_success=task == "outcome" and action in ("run-success", "success"),
    )


SCENARIOS = tuple(_scenario(action, task) for action in ACTIONS for task in TASKS)
