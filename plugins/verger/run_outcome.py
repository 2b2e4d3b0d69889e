"""Decides from facts how a run has ended. Pure.

Airflow decides the state of a DAG run from its last tasks. A task that a user skips or marks as success counts as a
success there, also when the run published nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from verger_contract.errors import VergerError

FAILED, SKIPPED = "failed", "skipped"
UNSUCCESSFUL = (FAILED, "upstream_failed")
ROLLBACK_TASKS = ("run_or_roll_back", "rollback")
"""The tasks before the end of a rollback. All others are skipped in such a run."""


class RunOutcomeError(VergerError):
    """The run has failed or was stopped."""


WITHOUT_CLUSTER = "publish_without_cluster"
TASKS_WITHOUT_CLUSTER = ("run_or_roll_back", "list_images", "anything_to_do", WITHOUT_CLUSTER)
"""The tasks before the end of a run without a cluster. All others are skipped in such a run."""


@dataclass(frozen=True)
class RunEnd:
    """What is known of a run whose tasks have ended.

    Attributes
    ----------
    states : mapping of str to str
        Airflow's state of each task that is upstream of `outcome`, in the order of the DAG.
    published : bool
        `published.json` names the run.
    nothing_to_do : bool
        The plan of the run has no work.
    waits : str
        Why the run waits for more photos, although there are some; empty when it does not.
    without_cluster : bool
        The plan of the run has work that needs no cluster.
    rolled_back : bool
        `published.json` has the snapshot of `rollback_to` as the current one.
    rollback_to : str
        The parameter of the DAG run; empty for other runs.
    errors : mapping of str to str
        The error of each task that reported one in its last try.
    """

    states: Mapping[str, str]
    published: bool = False
    nothing_to_do: bool = False
    waits: str = ""
    without_cluster: bool = False
    rolled_back: bool = False
    rollback_to: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a run has ended.

    Attributes
    ----------
    succeeded : bool
    text : str
        One line.
    task : str
        The first task that did not succeed; empty when there is none.
    stopped : bool
        A user stopped the run, or marked tasks by hand.
    """

    succeeded: bool
    text: str
    task: str = ""
    stopped: bool = False


def outcome(end: RunEnd) -> Outcome:
    """Return the outcome of a run: success only when the run published, rolled back, or had nothing to do."""
    result = _result(end)
    failed = next((task for task, state in end.states.items() if state == FAILED), "")
    skipped = next(iter(_skipped_by_hand(end)), "")
    if result and not any(state in UNSUCCESSFUL for state in end.states.values()):
        return Outcome(True, result)
    task = failed or skipped
    consequence = result or "nothing was published"
    if failed in end.errors:
        return Outcome(False, f"{failed} failed; {consequence}; {_advice(failed, end.errors[failed])}", failed)
    if failed and not skipped:
        cause = f"{failed} failed without an error: its process was killed, or a user marked the task as failed"
        return Outcome(False, f"{cause}; {consequence}; {_advice(failed)}", failed)
    if task:
        place = f"stopped by hand in {failed}" if failed else f"stopped by hand before {skipped}"
        return Outcome(False, f"{place}; {consequence}; {_advice(task)}", task, stopped=True)
    not_run = next((task for task, state in end.states.items() if state in UNSUCCESSFUL), "")
    if not_run:  # a user cleared an earlier task alone
        cause = f"{not_run} did not run, because a task before it had failed"
        return Outcome(False, f"{cause}; {consequence}; {_advice(not_run)}", not_run, stopped=True)
    marked = _publishing(end)
    cause = f"every task counts as a success, so a user marked {marked} as success before its end"
    return Outcome(False, f"{cause}; {consequence}; {_advice(marked)}", marked, stopped=True)


def _publishing(end: RunEnd) -> str:
    """Return the task that changes published.json in this run. A task after a missing result fails by itself."""
    if end.rollback_to:
        return "rollback"
    return WITHOUT_CLUSTER if end.without_cluster else "publish"


def _result(end: RunEnd) -> str:
    """Return what a successful run did; empty when there is no such fact."""
    if end.rollback_to:
        return f"rolled back to {end.rollback_to}" if end.rolled_back and _succeeded(end, "rollback") else ""
    if end.published:
        return "the run is published"
    if end.nothing_to_do and _succeeded(end, "anything_to_do"):
        return f"nothing to do yet: the run {end.waits}" if end.waits else "nothing to do"
    return ""


def _succeeded(end: RunEnd, task: str) -> bool:
    return end.states.get(task) == "success"


def _skipped_by_hand(end: RunEnd) -> list[str]:
    """Return the skipped tasks that the DAG itself does not skip in this run."""
    if _result(end):
        return []
    expected = {"rollback", WITHOUT_CLUSTER}
    if end.rollback_to or end.without_cluster:
        expected = end.states.keys() - {*(ROLLBACK_TASKS if end.rollback_to else TASKS_WITHOUT_CLUSTER)}
    return [task for task, state in end.states.items() if state == SKIPPED and task not in expected]


def _advice(task: str, error: str = "") -> str:
    """Return what to do. An error may name an earlier task to clear, whose output was not as expected."""
    named = re.search(r"\bclear (?!this )(\w+) (?:with|and) ", error)
    task = named[1] if named else task
    return f"to continue, clear {task} with its downstream tasks, or start a new run"
