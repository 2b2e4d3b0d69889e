"""Enters DAG runs of fruit_features into Airflow's metadata database, or deletes them, as a user does.

run=<run id>:<state>[:<task>=<state>]    a DAG run in this state, and one of its tasks
delete-run=<run id>                      delete a DAG run, as the button in Airflow's UI does
delete-dag=<DAG id>                      delete a DAG with all its runs, as `airflow dags delete` does
"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

from airflow._shared.timezones import timezone

DAG_ID = "fruit_features"


def main(commands: list[str]) -> None:
    from airflow.utils.session import create_session

    for number, command in enumerate(commands):
        name, _, rest = command.partition("=")
        with create_session() as session:
            {"run": enter, "delete-run": delete_run, "delete-dag": delete_dag}[name](rest, number, session)


def enter(words: str, number: int, session: Any) -> None:
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    run, state, *task = words.split(":")
    dag: Any = SerializedDagModel.get_dag(DAG_ID, session=session)
    at = timezone.utcnow() - timedelta(hours=number + 1)
    made = dag.create_dagrun(
        run_id=run,
        logical_date=at,
        data_interval=(at, at),
        run_after=at,
        run_type=DagRunType.MANUAL,
        state=DagRunState(state),
        triggered_by=DagRunTriggeredByType.TEST,
        session=session,
    )
    for pair in task:
        task_id, _, task_state = pair.partition("=")
        made.get_task_instance(task_id, session=session).state = task_state


def delete_run(run: str, number: int, session: Any) -> None:
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    session.delete(session.scalar(select(DagRun).where(DagRun.dag_id == DAG_ID, DagRun.run_id == run)))


def delete_dag(dag: str, number: int, session: Any) -> None:
    from airflow.api.common.delete_dag import delete_dag as delete

    delete(dag, session=session)


if __name__ == "__main__":
    main(sys.argv[1:])
