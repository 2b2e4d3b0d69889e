"""How many seconds the whole DAG takes beyond its two Spark applications, over all photos, task by task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import obstore

from benchmarks.harness import local_stack
from benchmarks.harness.dag_runs import Airflow
from sample_photos.albums import Album
from verger_contract.report import TaskFacts

BUCKET = "verger-bench-whole"
SPARK = {"featurize", "featurize_done", "pca", "pca_done"}
CLUSTER = {"create_cluster", "cluster_ready"}


def whole_dag(images: Path, count: int | None) -> list[dict[str, Any]]:
    """Run the DAG over `count` photos (None: all) and return the rows of the table."""
    with local_stack.local_stack() as stack:
        store = local_stack.open_bucket(stack, BUCKET)
        airflow = Airflow(BUCKET, store, stack.environment())
        local_stack.empty(store)
        airflow.prepare()
        for name, content in Album(images, count).files():
            obstore.put(store, f"images/{name}", content)
        run = airflow.run()
        local_stack.empty(store)
    if run.report is None:
        raise SystemExit(f"the DAG run published nothing; see {airflow.log}")
    return rows(run.report["tasks"], run.seconds)


def rows(tasks: Sequence[TaskFacts], total: float) -> list[dict[str, Any]]:
    """Return one row for each task in the order of the run, one for the time between tasks, and the sums.

    Parameters
    ----------
    tasks : sequence of TaskFacts
        Tasks of the run, from report.json.
    total : float
        Seconds of the run, with the start and the end of Airflow.
    """
    spark = sum(task["seconds"] for task in tasks if task["task"] in SPARK)
    cluster = sum(task["seconds"] for task in tasks if task["task"] in CLUSTER)
    ours = sum(task["seconds"] for task in tasks if task["task"] not in SPARK | CLUSTER)
    between = total - spark - cluster - ours
    return [
        *({"task": task["task"], "s": f"{task['seconds']:.1f}"} for task in tasks),
        {"task": "between tasks, and after the report: start, scheduling and end of Airflow", "s": f"{between:.1f}"},
        {"task": "**the whole run**", "s": f"**{total:.1f}**"},
        {"task": "**without Spark's two applications and the start of the cluster**", "s": f"**{ours + between:.1f}**"},
    ]
