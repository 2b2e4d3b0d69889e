"""Links on the tasks of the DAG. The API server makes them when somebody looks at a task: in whatever state it is."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperatorLink

from verger.run_id import run_id
from verger_ui.addresses import DAG_ID, STAGES, framed, run_page, stage_log_page

if TYPE_CHECKING:
    from airflow.sdk.types import TaskInstanceKey

log = logging.getLogger(__name__)


class _Link(BaseOperatorLink):
    """A link that the tasks of other DAGs do not have. One that cannot be made is none: the others on the task,
    such as those to the console of AWS, must not go with it.
    """

    name: ClassVar[str]

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        if ti_key.dag_id != DAG_ID:
            return ""
        try:
            return self.address(run_id(ti_key.run_id), ti_key.task_id)
        except Exception as error:
            log.warning("no link %s for task %s: %s", self.name, ti_key.task_id, error)
            return ""

    def address(self, run: str, task: str) -> str:
        raise NotImplementedError


class RunLink(_Link):
    """The page of the run, on every task."""

    name = "Run in Verger"

    def address(self, run: str, task: str) -> str:
        return framed(run_page(run))


class StepLogsLink(_Link):
    """What the Spark step said, on the tasks that submit it and wait for it."""

    name = "Step logs"

    def address(self, run: str, task: str) -> str:
        stage = stage_of(task)
        return framed(stage_log_page(run, stage)) if stage else ""


class SparkHistoryLink(_Link):
    """The step in Spark's history server, where there is one and the step has ended."""

    name = "Spark history"

    def address(self, run: str, task: str) -> str:
        from verger_ui.sources import spark_history
        from verger_ui.sources.bucket import bucket, settings

        stage = stage_of(task)
        base = settings().cluster.spark_history_url
        return spark_history.link(base, spark_history.application(bucket(), run, stage)) if stage and base else ""


def stage_of(task: str) -> str:
    """The stage whose step a task submits or waits for; empty for other tasks."""
    stage = task.removesuffix("_done")
    return stage if stage in STAGES else ""
