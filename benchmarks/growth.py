"""How time and memory of both steps grow with the number of photos, from 1,000 to 23,619.

    python -m benchmarks.growth [--photos N ...] [--repeat R]    (in the dev environment, plugins/ on PYTHONPATH;
                                                                  `make bench-growth`)

The steps run one after the other as on a cluster, with everything on local S3. Then their output is read as Airflow's
checks read it. Memory is the largest resident set of a single process. After each measurement the table is written into
benchmarks/README.md, and its raw rows into benchmarks/results.json. At the end the command prints the ratios of the
last row to that of 4,000 photos: a ratio of 1 means no growth.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, S3FileSystem

from benchmarks.harness import local_stack, results, steps, tables
from benchmarks.harness.photo_bucket import BUCKET, PhotoBucket, photo_bucket
from benchmarks.harness.places import FOLDER, PHOTOS, README, RESULTS
from benchmarks.measuring import meter
from benchmarks.measuring.process_tree import DRIVER, JVM, WORKER

SIZES = (1000, 2000, 4000, 8000, 16_000)
BASE = 4000
RUN = "growth"
FEATURES, ROWS_AT_ONCE = 1280, 2048
RATIOS = {
    "ms a photo in step 1": "step_1_ms",
    "memory of a worker in step 1": "step_1_worker_mb",
    "memory of the driver's Python in step 1": "step_1_driver_mb",
    "memory of a worker in step 2": "step_2_worker_mb",
    "memory of the driver's Python in step 2": "step_2_driver_mb",
}


def main() -> None:
    """Measure, write the table, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, default=PHOTOS, help="folder or zip of <label>/<photo>")
    parser.add_argument("--photos", type=int, nargs="+", help="numbers of photos (default: 1,000 to all)")
    parser.add_argument("--repeat", type=int, default=1, help="number of runs; figures are medians (default: 1)")
    parser.add_argument("--page", type=Path, default=README, help="page to write into")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file for the raw figures")
    arguments = parser.parse_args()
    found: dict[int, list[dict[str, Any]]] = {}
    with photo_bucket(arguments.images) as bucket:
        sizes = sorted({min(count, bucket.photos) for count in arguments.photos or (*SIZES, bucket.photos)})
        for _ in range(arguments.repeat):
            for count in sizes:
                found.setdefault(count, []).append(measure(bucket, count))
                record([medians(rows) for rows in found.values()], arguments.page, arguments.results)
    rows = [medians(measured) for measured in found.values()]
    if grown := ratios(rows):
        named = ", ".join(f"{name} {grown[key]:.3f}" for name, key in RATIOS.items())
        print(f"{rows[-1]['photos']:,} photos against {BASE:,}: {named}")


def record(rows: list[dict[str, Any]], page: Path, path: Path) -> None:
    """Write the table, and save the raw rows."""
    tables.write("growth", [shown(row, before) for before, row in zip([None, *rows], rows, strict=False)], page)
    results.save("growth", {"cores": os.cpu_count(), "rows": rows, "ratios": ratios(rows)}, path)


def measure(bucket: PhotoBucket, count: int) -> dict[str, Any]:
    """Run both steps over `count` photos and return seconds, MB, bytes and files written."""
    # A new name each time: SeaweedFS keeps deleted folders for a while, and Spark would read them as tables.
    run = f"{RUN}-{time.time_ns()}"
    first, first_run = step(bucket, steps.featurize(bucket.variables, run, bucket.inventory(count)), run, "featurize")
    features = f"s3://{BUCKET}/{run}/features"
    second, second_run = step(bucket, steps.pca(bucket.variables, run, features, "--photos", str(count)), run, "pca")
    if first["featurized"] != second["photos"]:
        raise SystemExit(f"step 1 featurized {first['featurized']} photos, step 2 found {second['photos']}")
    row = {
        "photos": second["photos"],
        "step_1_ms": round(1000 * seconds(first) / second["photos"], 4),
        **used("step_1", first, first_run),
        **used("step_2", second, second_run),
        **written(bucket, run, "features"),
        **written(bucket, run, "pca"),
        "k": second["k"],
        "check_s": check(bucket, run),
    }
    bucket.empty(f"{run}/")
    print(row, flush=True)
    return row


def step(bucket: PhotoBucket, command: steps.Command, run: str, name: str) -> tuple[dict[str, Any], meter.Measured]:
    """Run a step and return the metrics that it writes and the figures of its processes."""
    log = FOLDER / "logs" / f"{run}-{name}.log"
    measured = meter.run(command.argv, command.environment, cwd=FOLDER, log=log)
    metrics: dict[str, Any] = json.loads(local_stack.read(bucket.store, f"{run}/{name}.json"))
    return metrics, measured


def seconds(metrics: Mapping[str, Any]) -> float:
    """Return the seconds of a step without the start of Spark."""
    return float(metrics["seconds"]["total"] - metrics["seconds"]["startup"])


def used(step: str, metrics: Mapping[str, Any], measured: meter.Measured) -> dict[str, float]:
    """Return seconds of a step without the start of Spark, the other seconds, CPU seconds of all, and peaks in MB."""
    peaks = measured.peak_by_role
    return {
        f"{step}_s": round(seconds(metrics), 2),
        f"{step}_start_s": round(measured.seconds - seconds(metrics), 2),
        f"{step}_cpu_s": round(measured.cpu_seconds, 2),
        f"{step}_worker_mb": round(peaks.get(WORKER, 0.0), 1),
        f"{step}_driver_mb": round(peaks.get(DRIVER, 0.0), 1),
        f"{step}_jvm_mb": round(peaks.get(JVM, 0.0), 1),
    }


def written(bucket: PhotoBucket, run: str, table: str) -> dict[str, int]:
    """Return bytes and number of files of a table that a step wrote."""
    found = [item for batch in obstore.list(bucket.store, f"{run}/{table}/") for item in batch]
    sizes = [item["size"] for item in found if item["path"].endswith(".parquet")]
    return {f"{table}_bytes": sum(sizes), f"{table}_files": len(sizes)}


def check(bucket: PhotoBucket, run: str) -> float:
    """Read all features in batches and verify every row, as a task of the verification does, and return the seconds."""
    from verger.settings import Validation
    from verger_verify.measures.sample import Sample
    from verger_verify.measures.vectors import Vectors, columns

    variables = bucket.variables
    files = S3FileSystem(
        access_key=variables["AWS_ACCESS_KEY_ID"],
        secret_key=variables["AWS_SECRET_ACCESS_KEY"],
        region=variables["AWS_REGION"],
        endpoint_override=variables["AWS_ENDPOINT_URL_S3"],
    )
    names = columns("features", "etag")

    def batches() -> Iterator[pa.RecordBatch]:
        for info in files.get_file_info(FileSelector(f"{BUCKET}/{run}/features")):
            if info.base_name.endswith(".parquet"):
                with files.open_input_file(info.path) as source:
                    yield from pq.ParquetFile(source).iter_batches(ROWS_AT_ONCE, columns=names)

    started = time.monotonic()
    found = Vectors(FEATURES, Sample(Validation().neighbour_sample), Sample(0))
    for batch in batches():
        found.read(batch, "features", "etag")
    return round(time.monotonic() - started, 2)


def medians(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the median of each figure of rows with equal names."""
    found = list(rows)
    return {name: median(row[name] for row in found) for name in found[0]}


def shown(row: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a row of the table; `before` is the row above it."""
    return {
        "photos": row["photos"],
        "step 1, s (without Spark's start)": f"{row['step_1_s']:.1f}",
        "ms a photo": f"{row['step_1_ms']:.2f}",
        "ms for each further photo": f"{each_further(before, row):.2f}" if before else "",
        "worker, MB": round(row["step_1_worker_mb"]),
        "driver's Python, MB": round(row["step_1_driver_mb"]),
        "step 2, s (without Spark's start)": f"{row['step_2_s']:.1f}",
        "its worker, MB": round(row["step_2_worker_mb"]),
        "its driver's Python, MB": round(row["step_2_driver_mb"]),
    }


def each_further(before: Mapping[str, Any], row: Mapping[str, Any]) -> float:
    """Return the milliseconds of step 1 for each photo that `row` has more than `before`."""
    return float(1000 * (row["step_1_s"] - before["step_1_s"]) / (row["photos"] - before["photos"]))


def ratios(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return the last row divided by that of BASE photos; empty when there is no such row.

    Step 2 has no worker where the driver reads all of its input. Then the ratio of the worker is 0.
    """
    base = next((row for row in rows if row["photos"] == BASE), None)
    if base is None or base is rows[-1]:
        return {}
    return {key: round(rows[-1][key] / base[key], 3) if base[key] else 0.0 for key in RATIOS.values()}


if __name__ == "__main__":
    main()
