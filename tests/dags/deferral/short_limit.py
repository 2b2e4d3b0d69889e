"""A DAG with one task whose deferral lasts longer than its `execution_timeout`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import DAG, BaseOperator, Context

LIMIT, WAIT = timedelta(seconds=2), timedelta(seconds=6)


class Wait(BaseOperator):
    """Waits in the triggerer."""

    def execute(self, context: Context) -> None:
        """Defer."""
        self.defer(trigger=TimeDeltaTrigger(WAIT), method_name="execute_complete", timeout=10 * WAIT)

    def execute_complete(self, context: Context, event: Any = None) -> None:
        """Log that the wait has ended."""
        self.log.info("waited for %s", WAIT)


with DAG("short_limit", schedule=None):
    Wait(task_id="wait", execution_timeout=LIMIT)
