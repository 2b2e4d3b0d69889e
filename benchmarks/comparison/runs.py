"""One run of each contestant over the same photos, measured from outside."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import obstore

from benchmarks.alternatives import keras_weights
from benchmarks.harness import meter, steps
from benchmarks.harness.photo_bucket import BUCKET, FOLDER, PhotoBucket
from demo.__main__ import STATE
from demo.airflow_run import ROOT

BENCH = STATE / "venv" / "bench" / "bin" / "python"
NOTEBOOK = STATE / "venv" / "bench-notebook" / "bin" / "python"
MODEL = steps.ARTIFACTS / "model" / "mobilenet_v2.tflite"
WORKER = "spark worker python"
RUN = "contest"


@dataclass(frozen=True)
class Contest:
    """Which photos: `count` of the bucket's, spread evenly."""

    bucket: PhotoBucket
    count: int


@dataclass(frozen=True)
class Outcome:
    """What a contestant needed, its start apart; `features` is the folder of what it wrote (path, features)."""

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
        """`work`: seconds and CPU seconds from the first photo to the last output. What is before and after is said
        as that of the start.
        """
        seconds, cpu = work
        peaks = measured.peak_by_role
        return cls(
            photos, seconds, cpu, measured.seconds - seconds, measured.cpu_seconds - cpu, measured.peak_mb,
            peaks.get(WORKER) or peaks.get("other", 0.0), peaks.get("spark driver python", 0.0), features,
        )  # fmt: skip


def bare_loop(contest: Contest, kernels: str = "own") -> Outcome:
    """All cores, local files, nothing else."""
    return _script(contest, "bare_loop", _local(contest), "--kernels", kernels)


def notebook_way(contest: Contest) -> Outcome:
    """binaryFile, a pandas UDF and Keras."""
    return _script(contest, "notebook_way", _local(contest), python=NOTEBOOK, model=keras_weights.weights())


def ray_data(contest: Contest) -> Outcome:
    """Ray Data, from S3."""
    return _script(contest, "ray_data", f"s3://{BUCKET}")


def daft_way(contest: Contest) -> Outcome:
    """Daft, from S3."""
    return _script(contest, "daft_way", f"s3://{BUCKET}")


def verger(contest: Contest) -> Outcome:
    """Step 1 by spark-submit, from S3 to S3."""
    bucket = contest.bucket
    bucket.empty(f"{RUN}/")
    command = steps.featurize(bucket.variables, RUN, bucket.inventory(contest.count))
    measured = meter.run(command.argv, command.environment, cwd=FOLDER, log=FOLDER / "logs" / "verger.log")
    metrics: dict[str, Any] = json.loads(bytes(obstore.get(bucket.store, f"{RUN}/featurize.json").bytes()))
    if metrics["featurized"] != contest.count:
        raise SystemExit(f"step 1 featurized {metrics['featurized']} of {contest.count} photos: {metrics['rejects']}")
    folder = _fresh("verger")
    for batch in obstore.list(bucket.store, f"{RUN}/features/"):
        for item in batch:
            if item["path"].endswith(".parquet"):
                content = bytes(obstore.get(bucket.store, item["path"]).bytes())
                (folder / Path(item["path"]).name).write_bytes(content)
    return Outcome.of(measured, contest.count, steps.work(metrics, measured), folder)


def _local(contest: Contest) -> str:
    return str(contest.bucket.files)


def _script(contest: Contest, name: str, photos: str, *more: str, python: Path = BENCH, model: Path = MODEL) -> Outcome:
    out = _fresh(name)
    out.rmdir()
    bucket = contest.bucket
    command = [
        *(str(python), "-m", f"benchmarks.alternatives.{name}", "--photos", photos),
        *("--list", str(bucket.inventory_file(contest.count)), "--model", str(model), "--out", str(out), *more),
    ]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(Path.home()),
        "PYTHONPATH": f"{ROOT}:{ROOT / 'spark_jobs'}",
        **bucket.variables,
    }
    measured = meter.run(command, environment, cwd=ROOT, log=FOLDER / "logs" / f"{name}.log")
    told = measured.result
    if told["photos"] != contest.count:
        raise SystemExit(f"{name}: expected features of {contest.count} photos, found {told['photos']}")
    start, work = told["seconds"]["startup"], told["seconds"]["work"]
    return Outcome.of(measured, contest.count, (work, measured.cpu_between(start, start + work)), out)


def _fresh(name: str) -> Path:
    folder = FOLDER / "out" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
