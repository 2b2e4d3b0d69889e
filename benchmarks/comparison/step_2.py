"""Step 2 against the notebook's PCA, on the same features on local S3."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.harness import local_stack, steps
from benchmarks.harness.photo_bucket import BUCKET, PhotoBucket
from benchmarks.harness.places import FOLDER, ROOT
from benchmarks.measuring import meter
from benchmarks.measuring.process_tree import DRIVER, WORKER
from verger_contract.metrics import PcaMetrics
from verger_spark.io import table_file

COPIES = 4
RUN = f"step-2-{time.time_ns()}"
"""A new name for each process: SeaweedFS keeps deleted folders for a while, and Spark would read them as a table."""

Rows = list[dict[str, Any]]


def step_2(bucket: PhotoBucket, count: int, repeat: int, record: Callable[[Rows], None]) -> None:
    """Compare both programs on the features of `count` photos, then on four times as many rows.

    The further rows are slightly changed copies of the features under other paths. `record` gets all rows of the table
    so far after each of the two comparisons.
    """
    first = steps.featurize(bucket.variables, RUN, bucket.inventory(count))
    meter.run(first.argv, first.environment, cwd=FOLDER, log=FOLDER / "logs" / "step-1.log")
    rows = compare(bucket, count, repeat)
    record(rows)
    copy_features(bucket)
    record(rows + compare(bucket, COPIES * count, 1))
    bucket.empty(f"{RUN}/")


def compare(bucket: PhotoBucket, count: int, repeat: int) -> Rows:
    """Run both programs in turn over all files of features, and return a row of medians for each."""
    ours: Rows = []
    theirs: Rows = []
    for number in range(repeat):
        for turn in (theirs, ours) if number % 2 == 0 else (ours, theirs):  # neither program is always the first
            turn.append(verger(bucket, count) if turn is ours else notebook(bucket))
        seconds = [found["seconds"] for found in (theirs[-1], ours[-1])]
        print(
            f"{number + 1}/{repeat} PCA of {count:,}: notebook {seconds[0]:.1f} s, Verger {seconds[1]:.1f} s",
            flush=True,
        )
    mine, other = _medians(ours), _medians(theirs)
    largest = difference(bucket)
    return [
        {
            "": name,
            "rows": count,
            "s, without the start": f"{row['seconds']:.1f}",
            "CPU s": f"{row['cpu_seconds']:.1f}",
            "k": ours[-1]["k"] if row is mine else theirs[-1]["k"],
            "times as fast": f"{other['seconds'] / row['seconds']:.1f}",
            "largest difference of a coordinate": "" if row is other else f"{largest:.1e}",
            "driver's Python, MB": round(row["driver_mb"]),
            "largest worker, MB": round(row["worker_mb"]),
        }
        for name, row in (("notebook: MLlib PCA, fitted twice", other), ("Verger, step 2", mine))
    ]


def verger(bucket: PhotoBucket, count: int) -> dict[str, Any]:
    """Run step 2 with the number of photos, as the DAG does. Its seconds begin after the start of Spark."""
    command = steps.pca(bucket.variables, RUN, f"s3://{BUCKET}/{RUN}/features", "--photos", str(count))
    measured = meter.run(command.argv, command.environment, cwd=FOLDER, log=FOLDER / "logs" / "step-2.log")
    metrics: PcaMetrics = json.loads(local_stack.read(bucket.store, f"{RUN}/pca.json"))
    return _used(measured, steps.work(metrics, measured), metrics["k"])


def notebook(bucket: PhotoBucket) -> dict[str, Any]:
    """Run the notebook's PCA by the same spark-submit with the same Spark and jars, without Verger's Java options."""
    plain = {"spark.driver.extraJavaOptions": "-Dfile.encoding=UTF-8"}
    command = steps.pca(bucket.variables, RUN, "", conf=plain)
    position = next(index for index, word in enumerate(command.argv) if word.endswith("/pca.py"))
    script = ROOT / "benchmarks" / "alternatives" / "notebook_pca.py"
    folder = f"s3://{BUCKET}/{RUN}"
    argv = [*command.argv[:position], str(script), "--features", f"{folder}/features", "--out", f"{folder}/notebook"]
    measured = meter.run(argv, command.environment, cwd=ROOT, log=FOLDER / "logs" / "notebook_pca.log")
    result = measured.result
    work = sum(result["seconds"].values()) - result["seconds"]["startup"]
    return _used(measured, (work, measured.cpu_between(measured.seconds - work, measured.seconds)), result["k"])


def copy_features(bucket: PhotoBucket) -> None:
    """Write COPIES - 1 more files for each file of features: the features with noise, under other paths."""
    rng = np.random.default_rng(0)
    for key in _files(bucket, "features"):
        table = pq.read_table(io.BytesIO(local_stack.read(bucket.store, key)))
        flat = table["features"].combine_chunks().flatten().to_numpy()
        for copy in range(1, COPIES):
            noise = rng.normal(scale=1e-3, size=len(flat)).astype(np.float32)
            offsets = np.arange(len(table) + 1, dtype=np.int32) * (len(flat) // len(table))
            features = pa.ListArray.from_arrays(offsets, pa.array(flat + noise))
            paths = pa.array([f"{path}.{copy}" for path in table["path"].to_pylist()])
            columns = {"path": paths, "label": table["label"], "etag": table["etag"], "features": features}
            buffer = io.BytesIO()
            pq.write_table(pa.table(columns), buffer, row_group_size=table_file.GROUP_ROWS)
            obstore.put(bucket.store, key.replace("part-", f"copy-{copy}-"), buffer.getvalue())


def difference(bucket: PhotoBucket) -> float:
    """Return the largest difference of a coordinate. The sign of a component is arbitrary and not compared.

    Raises
    ------
    SystemExit
        The programs wrote different numbers of rows or components.
    """
    ours, theirs = _coordinates(bucket, "pca"), _coordinates(bucket, "notebook")
    if ours.shape != theirs.shape:
        raise SystemExit(f"coordinates: expected equal shapes, found {ours.shape} and {theirs.shape}")
    signs = np.sign((ours * theirs).sum(axis=0))
    return float(np.abs(ours - theirs * signs).max())


def _coordinates(bucket: PhotoBucket, name: str) -> NDArray[np.float64]:
    """Return the coordinates of all photos, shape (photos, k), sorted by path."""
    tables = [
        pq.read_table(io.BytesIO(local_stack.read(bucket.store, key)), columns=["path", "pca_features"])
        for key in _files(bucket, name)
    ]
    table = pa.concat_tables(tables).sort_by("path").combine_chunks()
    flat: NDArray[np.float64] = table["pca_features"].combine_chunks().flatten().to_numpy()
    return flat.reshape(len(table), -1)


def _files(bucket: PhotoBucket, name: str) -> list[str]:
    return local_stack.keys(bucket.store, f"{RUN}/{name}/", ".parquet")


def _used(measured: meter.Measured, work: tuple[float, float], k: int) -> dict[str, Any]:
    peaks = measured.peak_by_role
    return {
        "seconds": work[0],
        "cpu_seconds": work[1],
        "driver_mb": peaks.get(DRIVER, 0.0),
        "worker_mb": peaks.get(WORKER, 0.0),
        "k": k,
    }


def _medians(rows: Rows) -> dict[str, float]:
    return {name: median(row[name] for row in rows) for name in rows[0]}
