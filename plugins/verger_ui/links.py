"""Links on the tasks of the DAG, for tasks in any state. The API server makes them when a user opens a task."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperatorLink

from verger.run_id import run_id
from verger_contract.verification.verdict import VERIFY_FEATURES, VERIFY_PCA
from verger_ui.addresses import DAG_ID, STEPS, framed, run_page, step_log_page

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

log = logging.getLogger(__name__)


class _Link(BaseOperatorLink):
    """A link on the tasks of this DAG alone.

    An error makes the link empty: it must not remove the other links of the task, such as those to the AWS console.
    """

    name: ClassVar[str]

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """Return the address; empty where the task has no such link."""
        if ti_key.dag_id != DAG_ID:
            return ""
        try:
            return self.address(run_id(ti_key.run_id), ti_key.task_id)
        except Exception as error:  # noqa: BLE001 (whatever it is, the other links of the task stay)
            log.warning("no link %s for task %s: %s", self.name, ti_key.task_id, error)
            return ""

    def address(self, run: str, task: str) -> str:
        """Return the address for a task of a run."""
        raise NotImplementedError


class RunLink(_Link):
    """Links every task to the page of its run."""

    name = "Run in Verger"

    def address(self, run: str, task: str) -> str:
        """Return the address for a task of a run."""
        return framed(run_page(run))


class StepLogsLink(_Link):
    """Links the tasks that submit a step, and that wait for it, to the log of the step."""

    name = "Step logs"

    def address(self, run: str, task: str) -> str:
        """Return the address for a task of a run."""
        step = step_of(task)
        return framed(step_log_page(run, step)) if step else ""


class SparkHistoryLink(_Link):
    """Links the same tasks to Spark's history server, if there is one and the step has ended."""

    name = "Spark history"

    def address(self, run: str, task: str) -> str:
        """Return the address for a task of a run."""
        from verger_ui.sources import spark_history
        from verger_ui.sources.bucket import bucket, settings

        step = step_of(task)
        base = settings().cluster.spark_history_url
        return spark_history.link(base, spark_history.application(bucket(), run, step)) if step and base else ""


STEP_OF_CHECK = {"check_features": VERIFY_FEATURES, "check_projections": VERIFY_PCA}
"""The steps that these tasks submit."""


def step_of(task: str) -> str:
    """Return the step that a task submits or waits for; empty for other tasks."""
    step = STEP_OF_CHECK.get(task, task.removesuffix("_done"))
    return step if step in STEPS else ""
