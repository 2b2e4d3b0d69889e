"""One measured run of each program over the same photos."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks.alternatives import keras_weights
from benchmarks.harness import local_stack, steps
from benchmarks.harness.photo_bucket import BUCKET, PhotoBucket
from benchmarks.harness.places import FOLDER, ROOT, STATE
from benchmarks.measuring import meter
from benchmarks.measuring.process_tree import DRIVER, OTHER, WORKER
from verger_contract.metrics import FeaturizeMetrics
from verger_contract.preprocessing import Decoding

BENCH = STATE / "venv" / "bench" / "bin" / "python"
NOTEBOOK = STATE / "venv" / "bench-notebook" / "bin" / "python"
MODEL = steps.ARTIFACTS / "model" / "mobilenet_v2.tflite"
RUN = "comparison"


@dataclass(frozen=True)
class Outcome:
    """What one run of a program used.

    Attributes
    ----------
    photos : int
        Photos that the program featurized.
    seconds, cpu_seconds : float
        From the first photo to the last output.
    start_seconds, start_cpu_seconds : float
        The rest of the run: its start and its end.
    peak_mb : float
        Largest sum of PSS over all processes.
    worker_mb, driver_mb : float
        Largest resident set of a worker and of Spark's driver. A program without Spark has no driver, and its largest
        process counts as the worker.
    features : Path
        Folder of Parquet files that the program wrote: path, features.
    """

    FIGURES: ClassVar = (
        *("seconds", "cpu_seconds", "start_seconds", "start_cpu_seconds", "peak_mb", "worker_mb"),
        "driver_mb",
    )

    photos: int
    seconds: float
    cpu_seconds: float
    start_seconds: float
    start_cpu_seconds: float
    peak_mb: float
    worker_mb: float
    driver_mb: float
    features: Path

    @classmethod
    def of(cls, measured: meter.Measured, photos: int, work: tuple[float, float], features: Path) -> Outcome:
        """Return the outcome of a measured command.

        Parameters
        ----------
        measured : Measured
            Figures of the whole command.
        photos : int
            Photos that it featurized.
        work : tuple of float
            Seconds and CPU seconds from the first photo to the last output.
        features : Path
            Folder that it wrote.
        """
        seconds, cpu = work
        peaks = measured.peak_by_role
        return cls(
            photos, seconds, cpu, measured.seconds - seconds, measured.cpu_seconds - cpu, measured.peak_mb,
            peaks.get(WORKER) or peaks.get(OTHER, 0.0), peaks.get(DRIVER, 0.0), features,
        )  # fmt: skip


def bare_loop(bucket: PhotoBucket, count: int, kernels: str = "own") -> Outcome:
    """Run the bare loop: all cores, local files."""
    return _script(bucket, count, "bare_loop", str(bucket.files), "--kernels", kernels, out=f"bare_loop_{kernels}")


def bare_loop_from_s3(bucket: PhotoBucket, count: int, decoding: Decoding) -> Outcome:
    """Run the bare loop on photos in S3, with Verger's decoder, network and memory settings."""
    options = ("--kernels", "verger", "--decoding", decoding)
    return _script(bucket, count, "bare_loop", f"s3://{BUCKET}", *options, out=f"bare_loop_{decoding}")


def notebook_way(bucket: PhotoBucket, count: int) -> Outcome:
    """Run the notebook: binaryFile, a pandas UDF and Keras."""
    weights = keras_weights.weights()
    return _script(bucket, count, "notebook_way", str(bucket.files), python=NOTEBOOK, model=weights)


def ray_data(bucket: PhotoBucket, count: int) -> Outcome:
    """Run Ray Data on photos in S3."""
    return _script(bucket, count, "ray_data", f"s3://{BUCKET}")


def daft_way(bucket: PhotoBucket, count: int) -> Outcome:
    """Run Daft on photos in S3."""
    return _script(bucket, count, "daft_way", f"s3://{BUCKET}")


def verger(bucket: PhotoBucket, count: int, decoding: Decoding = Decoding.EXACT) -> Outcome:
    """Run Verger's step 1 by spark-submit, from S3 to S3.

    Raises
    ------
    SystemExit
        The step rejected photos.
    """
    bucket.empty(f"{RUN}/")
    command = steps.featurize(bucket.variables, RUN, bucket.inventory(count), "--decoding", decoding)
    measured = meter.run(command.argv, command.environment, cwd=FOLDER, log=FOLDER / "logs" / "verger.log")
    metrics: FeaturizeMetrics = json.loads(local_stack.read(bucket.store, f"{RUN}/featurize.json"))
    if metrics["featurized"] != count:
        raise SystemExit(f"step 1 featurized {metrics['featurized']} of {count} photos: {metrics['rejects']}")
    folder = _fresh(f"verger_{decoding}")
    folder.mkdir(parents=True)
    for key in local_stack.keys(bucket.store, f"{RUN}/features/", ".parquet"):
        (folder / Path(key).name).write_bytes(local_stack.read(bucket.store, key))
    return Outcome.of(measured, count, steps.work(metrics, measured), folder)


def _script(
    bucket: PhotoBucket,
    count: int,
    name: str,
    photos: str,
    *more: str,
    python: Path = BENCH,
    model: Path = MODEL,
    out: str = "",
) -> Outcome:
    """Run a module of benchmarks.alternatives. Each program writes its features into a folder of its own."""
    if not python.exists():
        raise SystemExit(f"{python}: expected an environment with the program {name}; `make bench` installs it")
    folder = _fresh(out or name)
    command = [
        *(str(python), "-m", f"benchmarks.alternatives.{name}", "--photos", photos),
        *("--list", str(bucket.inventory_file(count)), "--model", str(model), "--out", str(folder), *more),
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(Path.home()),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'spark_jobs'}:{ROOT / 'plugins'}",
        **(steps.worker_variables() if name == "bare_loop" else {}),
        **bucket.variables,
    }
    measured = meter.run(command, environment, cwd=ROOT, log=FOLDER / "logs" / f"{folder.name}.log")
    result = measured.result
    if result["photos"] != count:
        raise SystemExit(f"{name}: expected features of {count} photos, found {result['photos']}")
    start, work = result["seconds"]["startup"], result["seconds"]["work"]
    return Outcome.of(measured, count, (work, measured.cpu_between(start, start + work)), folder)


def _fresh(name: str) -> Path:
    """Return a folder for features that does not exist."""
    folder = FOLDER / "out" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder
