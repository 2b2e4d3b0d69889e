"""What a scheduled run with few new photos costs: the whole DAG three times over real photos, on local AWS.

    python -m benchmarks.incremental [--images ZIP] [--photos N ...]  (in the dev environment; `make bench-incremental`)

The first run publishes N photos. Before the second run 7 photos are added, 3 are changed and 5 are deleted. Before the
third run nothing changes. This is done for each N. Every figure is from report.json, but the seconds of the whole run.
The seconds of the parts of each step are printed.
Prints a table and writes it into benchmarks/README.md after each run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import obstore
from obstore.store import S3Store

from benchmarks.harness import local_stack, tables
from benchmarks.harness.dag_runs import Airflow, DagRun
from benchmarks.harness.places import PHOTOS, README
from sample_photos.albums import Album

NEW, CHANGED, DELETED = 7, 3, 5
STARTUP, CLUSTER_START = "startup", ("create_cluster", "cluster_ready")
STEP_1, STEP_2 = "featurize", "pca"


@dataclass(frozen=True)
class Step:
    """A step on the cluster: its column, its tasks in Airflow, and the name of its metrics in report.json."""

    name: str
    tasks: tuple[str, ...]
    metrics: str


STEPS = (
    Step("step 1", ("featurize", "featurize_done"), STEP_1),
    Step("step 2", ("pca", "pca_done"), STEP_2),
)
"""In the order of the columns. A step counts from its submission to its end."""

BUCKET = "verger-bench-incremental"
Photos = list[tuple[str, bytes]]


def main() -> None:
    """Read the command line, run the DAG, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=PHOTOS, help="folder or zip of <label>/<photo>")
    parser.add_argument("--photos", type=int, nargs="+", default=[700, 23_612], help="photos of the first run")
    parser.add_argument("--page", type=Path, default=README, help="page to write into")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []

    def record(name: str, run: DagRun, first: Mapping[str, float] | None = None) -> None:
        rows.append(row(name, run, first))
        tables.write("incremental", rows, arguments.page)
        if run.report:
            print(*(f"{step}: {parts}" for step, parts in run.report["seconds"].items()), sep="\n", flush=True)

    for count in arguments.photos:
        run_three_times(arguments.images, count, record)


def run_three_times(images: Path, count: int, record: Callable[..., None]) -> None:
    """Run the DAG three times over `count` photos and call `record` after each run."""
    photos = list(Album(images, count + NEW).files())
    late = {name for name, _ in photos[:: len(photos) // NEW][:NEW]}
    early = [(name, content) for name, content in photos if name not in late]
    with local_stack.local_stack() as stack:
        store = local_stack.open_bucket(stack, BUCKET)
        airflow = Airflow(BUCKET, store, stack.environment())
        local_stack.empty(store)
        airflow.prepare()
        put(store, early)
        first = airflow.run()
        record(f"{count:,} photos, nothing published", first)
        put(store, [(name, content) for name, content in photos if name in late])
        put(store, [(name, other) for (name, _), (_, other) in zip(early[:CHANGED], early[100:], strict=False)])
        obstore.delete(store, [f"images/{name}" for name, _ in early[-DELETED:]])
        record(f"{NEW} new, {CHANGED} changed, {DELETED} deleted", airflow.run(), work(first))
        record("nothing new", airflow.run())
        local_stack.empty(store)


def row(name: str, run: DagRun, first: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Return a row of the table.

    Parameters
    ----------
    name : str
    run : DagRun
    first : mapping of str to float, optional
        `work` of the first run over the same photos.
    """
    found: dict[str, Any] = {"run": name, "featurized": 0}
    found |= {f"{step.name}, s (without the start of Spark)": "" for step in STEPS}
    found |= {
        "step 2 and verification against step 2 of the first run": "",
        "whole run, s (start of Airflow and cluster included)": f"{run.seconds:.1f}",
        "without the start of cluster and Spark, s": f"{run.seconds:.1f}",
    }
    if (report := run.report) is None:
        return found | {f"{STEPS[0].name}, s (without the start of Spark)": "no cluster"}
    tasks, seconds = {task["task"]: task["seconds"] for task in report["tasks"]}, report["seconds"]
    own = work(run)
    for step in STEPS:
        whole = sum(tasks[task] for task in step.tasks)
        found[f"{step.name}, s (without the start of Spark)"] = f"{whole:.1f} ({own[step.metrics]:.1f})"
    if first:
        later = sum(own[step.metrics] for step in STEPS if step.metrics != STEP_1)
        found["step 2 and verification against step 2 of the first run"] = f"{later / first[STEP_2]:.2f}"
    starts = sum(tasks[task] for task in CLUSTER_START) + sum(parts.get(STARTUP, 0.0) for parts in seconds.values())
    return found | {
        "featurized": report["featurized"] or 0,
        "without the start of cluster and Spark, s": f"{run.seconds - starts:.1f}",
    }


def work(run: DagRun) -> dict[str, float]:
    """Return the seconds of each step's own work, without the start of Spark, by the name of its metrics."""
    if run.report is None:
        return {}
    seconds = run.report["seconds"]
    return {step.metrics: seconds[step.metrics]["total"] - seconds[step.metrics][STARTUP] for step in STEPS}


def put(store: S3Store, photos: Photos) -> None:
    """Upload photos to images/."""
    for name, content in photos:
        obstore.put(store, f"images/{name}", content)


if __name__ == "__main__":
    main()
