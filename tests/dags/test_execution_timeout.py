"""How Airflow counts `execution_timeout` of a task that is deferred: the reason for `waiting_limit` of the DAG."""

from __future__ import annotations

from tests.dags.airflow_runs import RunDag
from tests.places import ROOT, of_long_form


@of_long_form
def test_airflow_does_not_count_the_time_in_the_triggerer(run_dag: RunDag) -> None:
    folder = str(ROOT / "tests/dags/deferral")
    done = run_dag("orchard", dag="short_limit", AIRFLOW__CORE__DAGS_FOLDER=folder)
    assert done.returncode == 0, done.stdout
    assert "waited for 0:00:06" in done.stdout
