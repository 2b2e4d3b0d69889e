"""What a scheduled run with few new photos costs: the whole DAG three times over real photos, on local AWS.

    python -m benchmarks.incremental [--images ZIP] [--photos N ...]  (in the dev environment; `make bench-incremental`)

The first run publishes N photos. Before the second run 7 photos are added, 3 are changed and 5 are deleted. Before the
third run nothing changes. This is done for each N. Every figure is from report.json, but the seconds of the whole run.
Prints a table and writes it into benchmarks/README.md after each run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import obstore
from obstore.store import S3Store

from benchmarks.harness import local_stack, tables
from benchmarks.harness.dag_runs import Airflow, DagRun
from benchmarks.harness.places import PHOTOS, README
from sample_photos.albums import Album

NEW, CHANGED, DELETED = 7, 3, 5
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

    def record(name: str, run: DagRun) -> None:
        rows.append(row(name, run))
        tables.write("incremental", rows, arguments.page)

    for count in arguments.photos:
        run_three_times(arguments.images, count, record)


def run_three_times(images: Path, count: int, record: Callable[[str, DagRun], None]) -> None:
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
        record(f"{count:,} photos, nothing published", airflow.run())
        put(store, [(name, content) for name, content in photos if name in late])
        put(store, [(name, other) for (name, _), (_, other) in zip(early[:CHANGED], early[100:], strict=False)])
        obstore.delete(store, [f"images/{name}" for name, _ in early[-DELETED:]])
        record(f"{NEW} new, {CHANGED} changed, {DELETED} deleted", airflow.run())
        record("nothing new", airflow.run())
        local_stack.empty(store)


def row(name: str, run: DagRun) -> dict[str, Any]:
    """Return a row of the table. A step counts from its submission to its end."""
    featurized, step_1, step_2 = 0, "no cluster", ""
    if (report := run.report) is not None:
        featurized = report["featurized"] or 0
        tasks = {task["task"]: task["seconds"] for task in report["tasks"]}
        first, second = report["seconds"]["featurize"], report["seconds"]["pca"]
        step_1 = f"{tasks['featurize'] + tasks['featurize_done']:.1f} ({first['featurize'] + first['rejects']:.1f})"
        step_2 = f"{tasks['pca'] + tasks['pca_done']:.1f} ({second['total'] - second['startup']:.1f})"
    return {
        "run": name,
        "featurized": featurized,
        "step 1, s (without the start of Spark)": step_1,
        "step 2, s (without the start of Spark)": step_2,
        "whole run, s (start of Airflow and cluster included)": round(run.seconds, 1),
    }


def put(store: S3Store, photos: Photos) -> None:
    """Upload photos to images/."""
    for name, content in photos:
        obstore.put(store, f"images/{name}", content)


if __name__ == "__main__":
    main()
