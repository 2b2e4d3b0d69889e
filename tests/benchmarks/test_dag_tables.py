"""The tables of DAG runs, from the tasks and the seconds of report.json."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from benchmarks.comparison import whole_dag
from benchmarks.harness.dag_runs import DagRun, first_task, state_of
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
    task("check_features", 2.0),
    task("pca", 0.5),
    task("pca_done", 5.0),
    task("check_projections", 1.0),
    task("publish", 1.0),
]


def test_the_time_of_the_dag_without_spark_and_the_start_of_the_cluster() -> None:
    rows = {found["task"]: found["s"] for found in whole_dag.rows(TASKS, 33.0)}
    assert rows["featurize_done"] == "10.0"
    assert rows["between tasks, and after the report: start, scheduling and end of Airflow"] == "6.0"
    assert rows["**the whole run**"] == "**33.0**"
    assert rows["**without Spark's two applications and the start of the cluster**"] == "**12.0**"


def test_a_step_counts_from_its_submission_to_its_end() -> None:
    facts: dict[str, Any] = {"featurized": 10, "tasks": [found.copy() for found in TASKS]}
    parts = {
        "featurize": {"startup": 2.0, "total": 6.5},
        "verify_features": {"startup": 0.0, "total": 0.5},
        "pca": {"startup": 1.0, "total": 2.5},
        "verify_pca": {"startup": 0.0, "total": 1.5},
    }
    first = {"featurize": {"startup": 2.0, "total": 72.0}, "pca": {"startup": 4.0, "total": 14.0}}
    processes = {"featurize": 8.5, "verify_features": 1.5, "pca": 4.0, "verify_pca": 2.5}
    found = row("7 new", DagRun(33.04, cast(Report, facts), 2.5), parts, processes, first)
    assert list(found.values()) == [
        *("7 new", 10, "11.5 (4.5)", "2.0 (0.5)", "5.5 (1.5)", "1.0 (1.5)", "0.35"),
        *("33.0", "2.5", "4.0", "8.5", "18.0"),
    ]


def test_a_run_without_new_photos_has_no_cluster() -> None:
    assert list(row("nothing new", DagRun(11.2, None), {}, {}).values()) == [
        *("nothing new", 0, "no cluster", "", "", ""),
        *("", "11.2", "", "", "", ""),
    ]


def test_the_start_of_airflow_ends_with_the_start_of_the_first_task() -> None:
    events = [
        {"event": "DAG bundles loaded", "timestamp": "2026-11-27T10:00:01.000000Z"},
        {"event": "Task started", "timestamp": "2026-11-27T10:00:02.500000Z"},
        {"event": "Task started", "timestamp": "2026-11-27T10:00:09.000000Z", "run_state": "running"},
        {"event": "DagRun Finished", "run_state": "success"},
    ]
    start = datetime(2026, 11, 27, 10, tzinfo=UTC)
    assert first_task(events, start) == start + timedelta(seconds=2.5)
    assert first_task([], start) == start
    assert (state_of(events), state_of([])) == ("success", "")
