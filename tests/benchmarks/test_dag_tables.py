"""The tables of DAG runs, from the tasks and the seconds of report.json."""

from __future__ import annotations

from typing import Any, cast

from benchmarks.comparison import whole_dag
from benchmarks.harness.dag_runs import DagRun
from benchmarks.incremental import row
from verger_contract.report import Report, TaskFacts


def task(name: str, seconds: float) -> TaskFacts:
    return {"task": name, "state": "success", "seconds": seconds, "start": None, "end": None}


TASKS = [
    task("list_images", 2.0),
    task("create_cluster", 1.0),
    task("cluster_ready", 3.0),
    task("featurize", 1.5),
    task("featurize_done", 10.0),
    task("pca", 0.5),
    task("pca_done", 5.0),
    task("publish", 1.0),
]


def test_the_time_of_the_dag_without_spark_and_the_start_of_the_cluster() -> None:
    rows = {found["task"]: found["s"] for found in whole_dag.rows(TASKS, 30.0)}
    assert rows["featurize_done"] == "10.0"
    assert rows["between tasks, and after the report: start, scheduling and end of Airflow"] == "6.0"
    assert rows["**the whole run**"] == "**30.0**"
    assert rows["**without Spark's two applications and the start of the cluster**"] == "**9.0**"


def test_a_step_counts_from_its_submission_to_its_end() -> None:
    facts: dict[str, Any] = {
        "featurized": 10,
        "tasks": TASKS,
        "seconds": {"featurize": {"startup": 2.0, "total": 6.5}, "pca": {"startup": 1.0, "total": 4.5}},
    }
    found = row("7 new", DagRun(30.04, cast(Report, facts)), {"featurize": 70.0, "pca": 10.0})
    assert list(found.values()) == ["7 new", 10, "11.5 (4.5)", "5.5 (3.5)", "0.35", "30.0", "23.0"]


def test_a_run_without_new_photos_has_no_cluster() -> None:
    assert list(row("nothing new", DagRun(11.2, None)).values()) == [
        *("nothing new", 0, "no cluster", ""),
        *("", "11.2", "11.2"),
    ]
