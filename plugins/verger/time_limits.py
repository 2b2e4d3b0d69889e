"""The `execution_timeout` of tasks."""

from __future__ import annotations

from datetime import timedelta

TASK_LIMIT = timedelta(hours=2)
"""`execution_timeout` of the tasks that state no other one."""


def waiting_limit(minutes: int) -> timedelta:
    """Return the `execution_timeout` of a task that waits for at most `minutes` in the triggerer.

    Airflow 3.3 counts `execution_timeout` only while a task occupies a worker. This limit also holds for a version that
    counts the time in the triggerer.
    """
    return timedelta(minutes=minutes) + TASK_LIMIT
