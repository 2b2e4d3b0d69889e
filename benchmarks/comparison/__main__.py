"""Compare Verger with a bare loop, a notebook, Ray Data, Daft and MLlib's PCA over the same photos, and time the DAG.

    python -m benchmarks.comparison [--images ZIP] [--photos N] [--notebook N] [--repeat N]
                                    [--only comparison|step_2|whole_dag|camera|decoding ...]
                                    (in the dev environment, plugins/ and spark_jobs/ on PYTHONPATH; `make bench`)

With --only camera and decoding, the photos are of camera size, composed of those of --images.

All programs take all photos, but the notebook, which is slow and takes a part of them. The programs take turns, so that
other load of the machine affects all of them alike. Figures are medians. The features of each program are compared with
Verger's. Tables go into benchmarks/README.md, raw figures into benchmarks/results.json, after each run of a program: an
error or Ctrl-C loses no figure.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.comparison.camera import camera
from benchmarks.comparison.decoding import decoding
from benchmarks.comparison.runs import bare_loop, daft_way, notebook_way, ray_data, verger
from benchmarks.comparison.step_2 import step_2
from benchmarks.comparison.turns import Rows, take_turns
from benchmarks.comparison.whole_dag import whole_dag
from benchmarks.harness import results, tables
from benchmarks.harness.photo_bucket import PhotoBucket, photo_bucket
from benchmarks.harness.places import FOLDER, PHOTOS, README, RESULTS

VERGER = "Verger, step 1, from S3"
NOTEBOOK = "notebook way, local files"
PARTS = ("comparison", "step_2", "whole_dag", "camera", "decoding")


def main() -> None:
    """Read the command line, measure, write the tables."""
    arguments = _parse()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if {"comparison", "step_2"} & set(arguments.only):
        with photo_bucket(arguments.images) as bucket:
            count = min(arguments.photos or bucket.photos, bucket.photos)
            if "comparison" in arguments.only:
                compare(bucket, count, arguments)
            if "step_2" in arguments.only:
                step_2(bucket, count, arguments.repeat, partial(record, "step_2", arguments))
    if "whole_dag" in arguments.only:
        record("whole_dag", arguments, whole_dag(arguments.images, arguments.photos))
    if "camera" in arguments.only:
        camera(arguments.images, arguments.photos, arguments.repeat, arguments.page, arguments.results)
    if "decoding" in arguments.only:
        record("decoding", arguments, decoding(arguments.images))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=PHOTOS, help="folder or zip of <label>/<photo>")
    parser.add_argument("--photos", type=int, help="photos that each program takes (default: all)")
    parser.add_argument("--notebook", type=int, default=6000, help="photos that the notebook takes, once")
    parser.add_argument("--repeat", type=int, default=2, help="number of turns")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to run (default: all)")
    parser.add_argument("--page", type=Path, default=README, help="page to write into")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file for the raw figures")
    return parser.parse_args()


def compare(bucket: PhotoBucket, count: int, arguments: argparse.Namespace) -> None:
    """Run all programs over `count` photos, the notebook over at most `arguments.notebook` of them."""
    take_turns(
        {
            "bare loop, local files": partial(bare_loop, bucket, count),
            "bare loop with Verger's decoder and network": partial(bare_loop, bucket, count, kernels="verger"),
            VERGER: partial(verger, bucket, count),
            "Ray Data, from S3": partial(ray_data, bucket, count),
            "Daft, from S3": partial(daft_way, bucket, count),
            NOTEBOOK: partial(notebook_way, bucket, min(arguments.notebook, count)),
        },
        arguments.repeat,
        lambda rows: publish(rows, arguments.page, arguments.results),
        reference=VERGER,
        once=NOTEBOOK,
    )


def record(name: str, arguments: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    """Write a table and save its rows."""
    tables.write(name, rows, arguments.page)
    results.save(name, rows, arguments.results)


def publish(rows: Rows, page: Path, path: Path) -> None:
    """Write the tables of the comparison into `page` and save the raw figures in `path`."""
    for row in rows.values():
        row["cpu_seconds_per_1000"] = 1000 * row["cpu_seconds"] / row["photos"]
    results.save("comparison", [{"name": name, **row} for name, row in rows.items()], path)
    table = [_shown(name, row) for name, row in rows.items()]
    tables.write("comparison", table, page, under=tables.versions("node", "spark", "bench", "bench-notebook"))
    if ratios := _ratios(rows):
        tables.write("ratios", ratios, page)


def _shown(name: str, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "": name,
        "photos": row["photos"],
        "runs": row["runs"],
        "photos/s": f"{row['photos_per_second']:.1f}",
        "CPU s per 1,000": f"{row['cpu_seconds_per_1000']:.2f}",
        "start and end, s (CPU s)": f"{row['start_seconds']:.1f} ({row['start_cpu_seconds']:.1f})",
        "peak of all, MB": round(row["peak_mb"]),
        "largest worker, MB": round(row["worker_mb"]),
        "largest difference": "" if row["difference"] is None else f"{row['difference']:.1e}",
    }


def _ratios(rows: Rows) -> list[dict[str, Any]]:
    """Return Verger's figures divided by those of each other program; empty before Verger has run."""
    ours = rows.get(VERGER)
    return [
        {
            "Verger's step 1 against": name,
            "photos/s": f"{ours['photos_per_second'] / row['photos_per_second']:.3f} ×",
            "CPU s a photo": f"{ours['cpu_seconds_per_1000'] / row['cpu_seconds_per_1000']:.3f} ×",
        }
        for name, row in rows.items()
        if ours is not None and row is not ours
    ]


if __name__ == "__main__":
    main()
