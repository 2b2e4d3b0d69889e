"""What a night with little new costs: the whole DAG three times over real photographs, on local AWS.

    python -m benchmarks.incremental [--images ZIP] [--photos N ...]  (in the dev environment; `make bench-incremental`)

The first run publishes N photos; then 7 come, 3 change and 5 go; then nothing happens; for each N. Prints a table and
writes it into benchmarks/README.md. Every figure is the DAG's own, out of the reports in the bucket.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from pathlib import Path
from typing import Any

import obstore
from obstore.store import S3Store

from benchmarks.harness import tables
from demo.__main__ import STATE, create_bucket, local_aws, settings, store_of
from demo.airflow_run import ROOT, Airflow
from demo.summary import published, seconds_by_stage
from local_aws.stack import Stack
from sample_photos.albums import Album

PHOTOS = ROOT.parent / "shared" / "data" / "fruits-360-test.zip"
NEW, CHANGED, DELETED = 7, 3, 5
BUCKET = "verger-bench-incremental"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=PHOTOS, help="folder or zip of <label>/<photo>")
    parser.add_argument("--photos", type=int, nargs="+", default=[700, 23_612], help="photos of the first run")
    arguments = parser.parse_args()
    tables.write("incremental", [row for count in arguments.photos for row in nights(arguments.images, count)])


def nights(images: Path, count: int) -> list[dict[str, Any]]:
    """Three nights over `count` photos."""
    photos = list(Album(images, count + NEW).files())
    late = {name for name, _ in photos[:: len(photos) // NEW][:NEW]}
    early = [(name, content) for name, content in photos if name not in late]
    stack = Stack()
    variables = stack.environment()
    folder = STATE / "benchmarks"
    airflow = Airflow(folder / "airflow", folder / "airflow.log", settings(BUCKET, variables))
    rows = []
    with contextlib.closing(airflow), local_aws(stack):
        create_bucket(BUCKET, variables)
        store = store_of(BUCKET, variables)
        empty(store)
        airflow.prepare()
        put(store, early)
        rows.append(night(airflow, store, f"{count:,} photos, nothing published"))
        put(store, [(name, content) for name, content in photos if name in late])
        put(store, [(name, other) for (name, _), (_, other) in zip(early[:CHANGED], early[100:], strict=False)])
        obstore.delete(store, [f"images/{name}" for name, _ in early[-DELETED:]])
        rows.append(night(airflow, store, f"{NEW} new, {CHANGED} changed, {DELETED} deleted"))
        rows.append(night(airflow, store, "nothing new"))
        empty(store)
    return rows


def night(airflow: Airflow, store: S3Store, name: str) -> dict[str, Any]:
    """Run the DAG; its figures."""
    before, started = published(store), time.monotonic()
    if not airflow.run(print):
        raise SystemExit(f"the run failed; see {airflow.log}")
    whole = time.monotonic() - started
    run = published(store)
    if run == before:
        return _row(name, featurized=0, step_1="no cluster", step_2="", whole=whole)
    facts = json.loads(bytes(obstore.get(store, f"runs/{run}/report.json").bytes()))
    stages, own = seconds_by_stage(facts["tasks"]), facts["seconds"]
    return _row(
        name,
        featurized=facts["featurized"],
        step_1=f"{stages['featurize']:.1f} ({own['featurize']['featurize'] + own['featurize']['rejects']:.1f})",
        step_2=f"{stages['pca']:.1f} ({own['pca']['total'] - own['pca']['startup']:.1f})",
        whole=whole,
    )


def _row(name: str, *, featurized: int, step_1: str, step_2: str, whole: float) -> dict[str, Any]:
    return {
        "night": name,
        "featurized": featurized,
        "step 1, s (less the start of Spark)": step_1,
        "step 2, s (less the start of Spark)": step_2,
        "whole run, s (start of Airflow and cluster included)": round(whole, 1),
    }


def put(store: S3Store, photos: list[tuple[str, bytes]]) -> None:
    for name, content in photos:
        obstore.put(store, f"images/{name}", content)


def empty(store: S3Store) -> None:
    """Delete everything in the bucket."""
    for batch in obstore.list(store):
        obstore.delete(store, [item["path"] for item in batch])


if __name__ == "__main__":
    main()
