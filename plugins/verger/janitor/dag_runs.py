"""Counts DAG runs in Airflow: inside a task through the Task SDK, in a command through the metadata database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from verger.janitor.decision import Cluster, DagRuns
from verger_contract.errors import VergerError

ACTIVE = ("queued", "running")
"""States of a DAG run that has not ended."""

JANITOR_DAG = "emr_janitor"

Count = Callable[[str, list[str] | None, list[str] | None], int]
"""The number of runs by DAG id, run ids and states; None: any."""


class WrongAirflowError(VergerError):
    """The metadata database is not that of the Airflow which launches the clusters."""


def runs_of(cluster: Cluster, count: Count) -> DagRuns:
    """Return the numbers of runs that decide about a cluster."""
    ids = [cluster.dag_run] if cluster.dag_run else None
    return DagRuns(known=count(cluster.dag, ids, None), active=count(cluster.dag, ids, [*ACTIVE]))


def of_task(instance: Any) -> Count:
    """Return the function that counts runs for a task. A task has no access to the metadata database.

    Parameters
    ----------
    instance : RuntimeTaskInstance
        The task instance of the context.
    """

    def count(dag: str, ids: list[str] | None, states: list[str] | None) -> int:
        return int(instance.get_dr_count(dag_id=dag, run_ids=ids, states=states))

    return count


def of_database() -> Count:
    """Return the function that counts runs in the metadata database.

    Raises
    ------
    WrongAirflowError
        The database cannot be read, or has no DAG `emr_janitor`. In the database of another Airflow no run exists, and
        every cluster would seem to be unused.
    """
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import func, select
    from sqlalchemy.exc import SQLAlchemyError

    def count(dag: str, ids: list[str] | None, states: list[str] | None) -> int:
        query = select(func.count()).select_from(DagRun).where(DagRun.dag_id == dag)
        if ids is not None:
            query = query.where(DagRun.run_id.in_(ids))
        if states is not None:
            query = query.where(DagRun.state.in_(states))
        with create_session() as session:
            return session.scalar(query) or 0

    try:
        with create_session() as session:
            found = session.get(DagModel, JANITOR_DAG)
    except SQLAlchemyError as error:
        raise WrongAirflowError(
            f"Airflow's metadata database cannot be read ({type(error).__name__}); run this command where `airflow "
            "dags list-runs` works, with the same environment"
        ) from error
    if found is None:
        raise WrongAirflowError(
            f"Airflow's metadata database has no DAG {JANITOR_DAG}; expected the database of the Airflow that launches "
            "the clusters (AIRFLOW_HOME, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN)"
        )
    return count
