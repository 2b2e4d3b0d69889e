"""Step 2 against the notebook's PCA, on the same features on local S3."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.harness import meter, steps
from benchmarks.harness.photo_bucket import BUCKET, FOLDER, PhotoBucket
from demo.airflow_run import ROOT
from verger_spark.io import table_file

COPIES = 4
# Another name each time: of what is deleted SeaweedFS keeps the folders for a while, and Spark takes them for a table.
RUN = f"step-2-{time.time_ns()}"


def step_2(bucket: PhotoBucket, count: int, repeat: int) -> list[dict[str, Any]]:
    """Rows of the table: the features of `count` photos, and four times as many (each again under other names)."""
    first = steps.featurize(bucket.variables, RUN, bucket.inventory(count))
    meter.run(first.argv, first.environment, cwd=FOLDER, log=FOLDER / "logs" / "step-1.log")
    rows = contest(bucket, count, repeat)
    copy_features(bucket)
    rows += contest(bucket, COPIES * count, 1)
    bucket.empty(f"{RUN}/")
    return rows


def contest(bucket: PhotoBucket, count: int, repeat: int) -> list[dict[str, Any]]:
    """Both, in turns, over what lies in the features' folder; medians."""
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    for number in range(repeat):
        for turn in (theirs, ours) if number % 2 == 0 else (ours, theirs):  # nobody is always the first
            turn.append(verger(bucket, count) if turn is ours else notebook(bucket))
        seconds = [found["seconds"] for found in (theirs[-1], ours[-1])]
        print(
            f"{number + 1}/{repeat} PCA of {count:,}: notebook {seconds[0]:.1f} s, Verger {seconds[1]:.1f} s",
            flush=True,
        )
    mine, other = _middle(ours), _middle(theirs)
    apart = difference(bucket)
    return [
        {
            "": name,
            "rows": count,
            "s, less the start": f"{row['seconds']:.1f}",
            "CPU s": f"{row['cpu_seconds']:.1f}",
            "k": ours[-1]["k"] if row is mine else theirs[-1]["k"],
            "times as fast": f"{other['seconds'] / row['seconds']:.1f}",
            "largest difference of a coordinate": "" if row is other else f"{apart:.1e}",
            "driver's Python, MB": round(row["driver_mb"]),
            "largest worker, MB": round(row["worker_mb"]),
        }
        for name, row in (("notebook: MLlib PCA, fitted twice", other), ("Verger, step 2", mine))
    ]


def verger(bucket: PhotoBucket, count: int) -> dict[str, Any]:
    """Step 2, told as by the DAG how many photos there are; its seconds are those after the start of Spark."""
    command = steps.pca(bucket.variables, RUN, f"s3://{BUCKET}/{RUN}/features", "--photos", str(count))
    measured = meter.run(command.argv, command.environment, cwd=FOLDER, log=FOLDER / "logs" / "step-2.log")
    metrics = json.loads(bytes(obstore.get(bucket.store, f"{RUN}/pca.json").bytes()))
    return _used(measured, steps.work(metrics, measured), metrics["k"])


def notebook(bucket: PhotoBucket) -> dict[str, Any]:
    """MLlib's PCA as the notebook does it, by the same spark-submit with the same Spark and jars."""
    plain = {"spark.driver.extraJavaOptions": "-Dfile.encoding=UTF-8"}  # none of ours
    command = steps.pca(bucket.variables, RUN, "", conf=plain)
    place = next(index for index, word in enumerate(command.argv) if word.endswith("/pca.py"))
    script = ROOT / "benchmarks" / "alternatives" / "notebook_pca.py"
    at = f"s3://{BUCKET}/{RUN}"
    argv = [*command.argv[:place], str(script), "--features", f"{at}/features", "--out", f"{at}/notebook"]
    measured = meter.run(argv, command.environment, cwd=ROOT, log=FOLDER / "logs" / "notebook_pca.log")
    told = measured.result
    work = sum(told["seconds"].values()) - told["seconds"]["startup"]
    return _used(measured, (work, measured.cpu_between(measured.seconds - work, measured.seconds)), told["k"])


def copy_features(bucket: PhotoBucket) -> None:
    """COPIES - 1 more files for each that step 1 wrote: its features, slightly moved, under other paths."""
    rng = np.random.default_rng(0)
    for key in [*_files(bucket, "features")]:
        table = pq.read_table(io.BytesIO(bytes(obstore.get(bucket.store, key).bytes())))
        flat = table["features"].combine_chunks().flatten().to_numpy()
        for copy in range(1, COPIES):
            noise = rng.normal(scale=1e-3, size=len(flat)).astype(np.float32)
            offsets = np.arange(len(table) + 1, dtype=np.int32) * (len(flat) // len(table))
            moved = pa.ListArray.from_arrays(offsets, pa.array(flat + noise))
            paths = pa.array([f"{path}.{copy}" for path in table["path"].to_pylist()])
            columns = {"path": paths, "label": table["label"], "etag": table["etag"], "features": moved}
            buffer = io.BytesIO()
            pq.write_table(pa.table(columns), buffer, row_group_size=table_file.GROUP_ROWS)
            obstore.put(bucket.store, key.replace("part-", f"copy-{copy}-"), buffer.getvalue())


def difference(bucket: PhotoBucket) -> float:
    """The largest difference of a coordinate, each component up to its sign."""
    ours, theirs = _coordinates(bucket, "pca"), _coordinates(bucket, "notebook")
    if ours.shape != theirs.shape:
        raise SystemExit(f"coordinates: expected equal shapes, found {ours.shape} and {theirs.shape}")
    signs = np.sign((ours * theirs).sum(axis=0))
    return float(np.abs(ours - theirs * signs).max())


def _coordinates(bucket: PhotoBucket, name: str) -> NDArray[np.float64]:
    tables = [
        pq.read_table(io.BytesIO(bytes(obstore.get(bucket.store, key).bytes())), columns=["path", "pca_features"])
        for key in _files(bucket, name)
    ]
    table = pa.concat_tables(tables).sort_by("path").combine_chunks()
    flat: NDArray[np.float64] = table["pca_features"].combine_chunks().flatten().to_numpy()
    return flat.reshape(len(table), -1)


def _files(bucket: PhotoBucket, name: str) -> Iterator[str]:
    for batch in obstore.list(bucket.store, f"{RUN}/{name}/"):
        yield from (item["path"] for item in batch if item["path"].endswith(".parquet"))


def _used(measured: meter.Measured, work: tuple[float, float], k: int) -> dict[str, Any]:
    peaks = measured.peak_by_role
    return {
        "seconds": work[0],
        "cpu_seconds": work[1],
        "driver_mb": peaks.get("spark driver python", 0.0),
        "worker_mb": peaks.get("spark worker python", 0.0),
        "k": k,
    }


def _middle(rows: list[dict[str, Any]]) -> dict[str, float]:
    return {name: median(row[name] for row in rows) for name in rows[0]}
