"""What grows with the number of photos: both steps over 1,000 to 23,619 of them, their time and their memory.

    python -m benchmarks.growth [--photos N ...] [--repeat R]    (in the dev environment, plugins/ on PYTHONPATH;
                                                                  `make bench-growth`)

The steps run one after the other as on a cluster, with everything on local S3, then what they wrote is read once more
as Airflow's checks read it. Memory is the largest resident set of a single process. Prints a table, writes it into
benchmarks/README.md, its raw rows into benchmarks/results.json, and ends with the ratios of the last row to that of
4,000 photos: what is flat shows as 1.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from statistics import median
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileSelector, S3FileSystem

from benchmarks.harness import meter, results, steps, tables
from benchmarks.harness.photo_bucket import BUCKET, FOLDER, PhotoBucket, photo_bucket

SIZES = (1000, 2000, 4000, 8000, 16_000)
BASE = 4000
RUN = "growth"
FEATURES, ROWS_AT_ONCE = 1280, 2048
WORKER, DRIVER, JVM = "spark worker python", "spark driver python", "jvm"
FLAT = {
    "ms a photo in step 1": "step_1_ms",
    "memory of a worker in step 1": "step_1_worker_mb",
    "of the driver's Python": "step_1_driver_mb",
    "of a worker in step 2": "step_2_worker_mb",
    "of its driver's Python": "step_2_driver_mb",
}


def main() -> None:
    """Measure, write the table, say what is flat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, nargs="+", help="numbers of photos (default: 1,000 to all)")
    parser.add_argument("--repeat", type=int, default=1, help="how often; the median counts (default: 1)")
    arguments = parser.parse_args()
    with photo_bucket() as bucket:
        sizes = sorted({min(count, bucket.photos) for count in arguments.photos or (*SIZES, bucket.photos)})
        rounds = [[measure(bucket, count) for count in sizes] for _ in range(arguments.repeat)]
        rows = [middle(found) for found in zip(*rounds, strict=True)]
    tables.write("growth", [shown(row, before) for before, row in zip([None, *rows], rows, strict=False)])
    found = ratios(rows)
    results.save("growth", {"cores": os.cpu_count(), "rows": rows, "ratios": found})
    if found:
        named = ", ".join(f"{name} {found[key]:.3f}" for name, key in FLAT.items())
        print(f"{rows[-1]['photos']:,} photos against {BASE:,}: {named}")


def measure(bucket: PhotoBucket, count: int) -> dict[str, Any]:
    """Both steps over `count` photos: seconds, MB, bytes and files written."""
    # Another name each time: of what is deleted SeaweedFS keeps the folders a while, and Spark takes them for tables.
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


def step(bucket: PhotoBucket, command: steps.Command, run: str, stage: str) -> tuple[dict[str, Any], meter.Measured]:
    """Run a step; its own metrics, and what was measured from outside."""
    log = FOLDER / "logs" / f"{run}-{stage}.log"
    measured = meter.run(command.argv, command.environment, cwd=FOLDER, log=log)
    metrics: dict[str, Any] = json.loads(bytes(obstore.get(bucket.store, f"{run}/{stage}.json").bytes()))
    return metrics, measured


def seconds(metrics: Mapping[str, Any]) -> float:
    """Of a step, less the start of Spark."""
    return float(metrics["seconds"]["total"] - metrics["seconds"]["startup"])


def used(step: str, metrics: Mapping[str, Any], measured: meter.Measured) -> dict[str, float]:
    """Seconds of a step without Spark's start and of all else around it, CPU seconds of all, peaks."""
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
    """Bytes and files of a table that a step wrote."""
    found = [item for batch in obstore.list(bucket.store, f"{run}/{table}/") for item in batch]
    sizes = [item["size"] for item in found if item["path"].endswith(".parquet")]
    return {f"{table}_bytes": sum(sizes), f"{table}_files": len(sizes)}


def check(bucket: PhotoBucket, run: str) -> float:
    """Seconds in which all features are read as the DAG's checks read them, in Airflow: in one process, in batches."""
    from verger.settings import Validation
    from verger.validation import vectors

    variables = bucket.variables
    files = S3FileSystem(
        access_key=variables["AWS_ACCESS_KEY_ID"],
        secret_key=variables["AWS_SECRET_ACCESS_KEY"],
        region=variables["AWS_REGION"],
        endpoint_override=variables["AWS_ENDPOINT_URL_S3"],
    )
    columns = vectors.columns("features", etags=True)

    def batches() -> Iterator[pa.RecordBatch]:
        for info in files.get_file_info(FileSelector(f"{BUCKET}/{run}/features")):
            if info.base_name.endswith(".parquet"):
                with files.open_input_file(info.path) as source:
                    yield from pq.ParquetFile(source).iter_batches(ROWS_AT_ONCE, columns=columns)

    began = time.monotonic()
    vectors.read(batches(), "features", FEATURES, Validation().neighbour_sample, etags=True)
    return round(time.monotonic() - began, 2)


def middle(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The median of each figure of rows with the same names."""
    found = list(rows)
    return {name: median(row[name] for row in found) for name in found[0]}


def shown(row: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """A row of the README, and what was added to the one before it."""
    return {
        "photos": row["photos"],
        "step 1, s (less Spark's start)": f"{row['step_1_s']:.1f}",
        "ms a photo": f"{row['step_1_ms']:.2f}",
        "ms for each more": f"{each_more(before, row):.2f}" if before else "",
        "worker, MB": round(row["step_1_worker_mb"]),
        "driver's Python, MB": round(row["step_1_driver_mb"]),
        "step 2, s (less Spark's start)": f"{row['step_2_s']:.1f}",
        "its worker, MB": round(row["step_2_worker_mb"]),
        "its driver's Python, MB": round(row["step_2_driver_mb"]),
    }


def each_more(before: Mapping[str, Any], row: Mapping[str, Any]) -> float:
    """Milliseconds of step 1 for each photo that a row has more than the one before it."""
    return float(1000 * (row["step_1_s"] - before["step_1_s"]) / (row["photos"] - before["photos"]))


def ratios(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The last row to that of BASE photos; empty when there is none."""
    base = next((row for row in rows if row["photos"] == BASE), None)
    return {key: round(rows[-1][key] / base[key], 3) for key in FLAT.values()} if base and base is not rows[-1] else {}


if __name__ == "__main__":
    main()
