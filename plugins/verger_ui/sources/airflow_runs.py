"""Reads the state of the DAG's runs and their tasks from Airflow's metadata database."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cachetools import TTLCache, cached

from verger.run_id import run_id
from verger_ui.addresses import DAG_ID

NEWEST = 1000
"""Runs that are read from Airflow. Older runs are shown from their files on S3."""
IN_PROGRESS = ("queued", "running")
FRESH_SECONDS = 2
SETTLED = timedelta(minutes=5)
"""Time after the end of a run after which its files on S3 change no more."""


@dataclass(frozen=True)
class AirflowRun:
    """A run of the DAG.

    Attributes
    ----------
    id : str
        The id in the bucket.
    dag_run_id : str
        The id in Airflow.
    state : str
    at : datetime
        Its start, or when it may start.
    ended_at : datetime or None
    rollback_to : str
        The DAG parameter; empty for other runs.
    """

    id: str
    dag_run_id: str
    state: str
    at: datetime
    ended_at: datetime | None
    rollback_to: str

    @property
    def in_progress(self) -> bool:
        """Whether the run is queued or running."""
        return self.state in IN_PROGRESS

    @property
    def running(self) -> bool:
        """Whether the run is running, and does not wait for another one."""
        return self.state == "running"

    def settled(self, now: datetime) -> bool:
        """Return whether the files of the run change no more."""
        return not self.in_progress and self.ended_at is not None and now - self.ended_at > SETTLED


@dataclass(frozen=True)
class AirflowTask:
    """A task of a run. `start` is None before it starts, `end` until it ends."""

    task: str
    state: str
    start: datetime | None
    end: datetime | None


@cached(TTLCache(1, FRESH_SECONDS), lock=threading.Lock())
def newest() -> dict[str, AirflowRun]:
    """Return the newest runs by their id in the bucket."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    query = select(
        DagRun.run_id, DagRun.state, DagRun.start_date, DagRun.run_after, DagRun.end_date, DagRun.conf
    ).where(DagRun.dag_id == DAG_ID)
    with create_session() as session:
        rows = session.execute(query.order_by(DagRun.id.desc()).limit(NEWEST)).all()
    return {run.id: run for run in map(_run, rows)}


def _run(row: Any) -> AirflowRun:
    conf = row.conf if isinstance(row.conf, dict) else {}
    return AirflowRun(
        id=run_id(row.run_id),
        dag_run_id=row.run_id,
        state=str(row.state),
        at=row.start_date or row.run_after,
        ended_at=row.end_date,
        rollback_to=str(conf.get("rollback_to") or ""),
    )


def tasks(dag_run_ids: Iterable[str]) -> dict[str, Sequence[AirflowTask]]:
    """Return the tasks of each run in the order of their start."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    wanted = list(dag_run_ids)
    if not wanted:
        return {}
    query = select(
        TaskInstance.run_id, TaskInstance.task_id, TaskInstance.state, TaskInstance.start_date, TaskInstance.end_date
    ).where(TaskInstance.dag_id == DAG_ID, TaskInstance.run_id.in_(wanted))
    with create_session() as session:
        rows = session.execute(query).all()
    found: dict[str, list[AirflowTask]] = {dag_run_id: [] for dag_run_id in wanted}
    for row in sorted(rows, key=lambda row: (row.start_date is None, row.start_date)):
        task = AirflowTask(row.task_id, str(row.state or "waiting"), row.start_date, row.end_date)
        found[row.run_id].append(task)
    return dict(found)
