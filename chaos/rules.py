"""The rules that hold after each fault, as functions of what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chaos.harness.airflow import ENDED_RUN
from chaos.harness.judge import Verdict
from chaos.scenario import Scenario

LAST_TASKS = ("report", "vacuum", "outcome", "terminate_cluster")
"""Tasks that may fail in a run that has published: Airflow shows the run as failed, and the data are right."""


@dataclass(frozen=True)
class Seen:
    """A run as the user sees it: state, tasks, what Verger's page calls it, message."""

    state: str
    tasks: dict[str, dict[str, Any]]
    page: str
    message: str

    @property
    def failed(self) -> list[str]:
        """The failed tasks, the first one first."""
        found = [task for task in self.tasks.values() if task["state"] == "failed"]
        return [task["task_id"] for task in sorted(found, key=lambda task: str(task["end_date"]))]

    @property
    def nothing_to_do(self) -> bool:
        """Whether the run decided that there was nothing to do."""
        states = {name: task["state"] for name, task in self.tasks.items()}
        return states.get("anything_to_do") == "success" and states.get("create_cluster") == "skipped"


def truth(scenario: Scenario, seen: Seen, published: bool) -> list[str]:
    """Compare the state of a run with what happened; return what is wrong."""
    wrong = []
    if seen.state not in (*ENDED_RUN, "deleted"):
        return [f"the run has not ended: {seen.state}"]
    if seen.state not in (*scenario.ends, "deleted"):
        wrong.append(f"the run is {seen.state}")
    by_hand = scenario.marks_success and seen.page != "published"
    if seen.state == "success" and not published and not seen.nothing_to_do and not by_hand:
        wrong.append("success, but nothing is published")
    if seen.state == "failed" and published and not (scenario.after_publication or {*seen.failed} & {*LAST_TASKS}):
        wrong.append("failed, but published")
    if seen.page and (seen.page == "published") != published:
        wrong.append(f"the page says {seen.page!r}")
    if seen.state == "failed" and not seen.message:
        wrong.append("no message")
    return wrong


def data_changed(scenario: Scenario, run: str, before: Verdict, after: Verdict) -> tuple[str, list[str]]:
    """Compare the published data before and after a run; return the cell of the table and what is wrong."""
    if scenario.damages:
        return "by the fault", []
    if after.damage:
        return f"damaged: {after.damage}", [f"published data: {after.damage}"]
    if after == before:
        return "no", []
    if after.run == run:
        return "published, whole", []
    # Two runs may be triggered, or a rollback is the fault.
    return f"published by {after.run or 'no run'}, whole", []


def whole(verdict: Verdict, lost: list[str]) -> list[str]:
    """Return what is wrong with the published data after the recovery."""
    wrong = [f"after the recovery: {verdict.damage}"] if verdict.damage else []
    return [*wrong, f"{len(lost)} photos lost"] if lost else wrong
