"""What the whole DAG costs beyond its two Spark applications, over all photographs, task by task."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import obstore

from benchmarks.incremental import empty, put
from demo.__main__ import STATE, create_bucket, local_aws, settings, store_of
from demo.airflow_run import Airflow
from demo.summary import published
from local_aws.stack import Stack
from sample_photos.albums import Album

BUCKET = "verger-bench-whole"
SPARK = {"featurize", "featurize_done", "pca", "pca_done"}
CLUSTER = {"create_cluster", "cluster_ready"}


def whole_dag(images: Path, count: int | None) -> list[dict[str, Any]]:
    """Rows of the table: seconds of each task, and of what lies between tasks."""
    stack = Stack()
    variables = stack.environment()
    folder = STATE / "benchmarks"
    airflow = Airflow(folder / "airflow-whole", folder / "airflow-whole.log", settings(BUCKET, variables))
    with contextlib.closing(airflow), local_aws(stack):
        create_bucket(BUCKET, variables)
        store = store_of(BUCKET, variables)
        empty(store)
        airflow.prepare()
        put(store, list(Album(images, count).files()))
        started = time.monotonic()
        if not airflow.run(print):
            raise SystemExit(f"the run failed; see {airflow.log}")
        whole = time.monotonic() - started
        facts = json.loads(bytes(obstore.get(store, f"runs/{published(store)}/report.json").bytes()))
        empty(store)
    return rows(facts, whole)


def rows(facts: dict[str, Any], whole: float) -> list[dict[str, Any]]:
    """Tasks in the order of the run, what is neither (Airflow's start, its scheduling), and the sums that matter."""
    tasks = [(task["task"], float(task["seconds"])) for task in facts["tasks"]]
    spark = sum(seconds for name, seconds in tasks if name in SPARK)
    cluster = sum(seconds for name, seconds in tasks if name in CLUSTER)
    ours = sum(seconds for name, seconds in tasks if name not in SPARK | CLUSTER)
    between = whole - spark - cluster - ours
    table = [{"task": name, "s": f"{seconds:.1f}"} for name, seconds in tasks]
    return [
        *table,
        {
            "task": "between tasks, and those after the report: Airflow starting, scheduling, ending",
            "s": f"{between:.1f}",
        },
        {"task": "**the whole run**", "s": f"**{whole:.1f}**"},
        {
            "task": "**of it outside Spark's two applications and the cluster's start**",
            "s": f"**{ours + between:.1f}**",
        },
    ]
