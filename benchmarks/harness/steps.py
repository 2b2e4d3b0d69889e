"""Verger's two steps as commands: spark-submit as a cluster's node would run it, on all cores of this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.harness.meter import Measured
from benchmarks.harness.photo_bucket import BUCKET, FOLDER, PREFIX
from demo.__main__ import STATE
from demo.airflow_run import ROOT
from local_aws.settings import Settings
from local_aws.spark import jars, java, submit
from local_aws.spark.syntax import properties_text
from verger.emr.requests import ONE_ARENA, QUICK_JAVA

ARTIFACTS = STATE / "artifacts" / "current"


@dataclass(frozen=True)
class Command:
    """A program with its arguments and its whole environment."""

    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def featurize(
    variables: dict[str, str], run: str, inventory: str, *more: str, conf: dict[str, str] | None = None
) -> Command:
    """Step 1 over an inventory of the bucket; it writes below s3://verger-bench/<run>/."""
    at = f"s3://{BUCKET}/{run}"
    return _submit(
        variables,
        "featurize.py",
        *("--images", f"s3://{BUCKET}", "--images-prefix", PREFIX, "--inventory", inventory),
        *("--model", (ARTIFACTS / "model").resolve().as_uri(), "--features", f"{at}/features"),
        *("--rejects", f"{at}/rejects", "--metrics", f"{at}/featurize.json", "--progress", f"{at}/progress.json"),
        *more,
        conf=conf or {},
    )


def pca(variables: dict[str, str], run: str, features: str, *more: str, conf: dict[str, str] | None = None) -> Command:
    """Step 2 over a folder of features; it writes below s3://verger-bench/<run>/."""
    at = f"s3://{BUCKET}/{run}"
    return _submit(
        variables,
        "pca.py",
        *("--features", features, "--pca", f"{at}/pca", "--basis", f"{at}/basis"),
        *("--metrics", f"{at}/pca.json", "--progress", f"{at}/progress.json", *more),
        conf=conf or {},
    )


def work(metrics: Mapping[str, Any], measured: Measured) -> tuple[float, float]:
    """Seconds and CPU seconds of what a step does itself, from its own metrics: without the start of the JVM and of
    Spark's session, and without their end.
    """
    laps = list(metrics["seconds"].items())
    before = sum(seconds for _, seconds in laps[: [name for name, _ in laps].index("startup")])
    total, session = metrics["seconds"]["total"], metrics["seconds"]["startup"]
    began = datetime.fromisoformat(metrics["started_at"]).timestamp() - measured.began
    parts = ((began, began + before), (began + before + session, began + total))
    return total - session, sum(measured.cpu_between(start, stop) for start, stop in parts)


@lru_cache(maxsize=1)
def node_python() -> Path:
    """The Python of a node environment, built by the bootstrap action itself from the wheelhouse."""
    folder = ARTIFACTS.resolve()
    environment = STATE / "node" / folder.name
    script = ROOT / "bootstrap" / "bootstrap_emr.sh"
    subprocess.run(["bash", script, folder.as_uri(), environment], check=True, capture_output=True)
    return environment / "bin" / "python"


def _submit(variables: dict[str, str], script: str, *arguments: str, conf: dict[str, str]) -> Command:
    settings = Settings()
    home = jars.spark_home(settings.spark_venv)
    scratch = FOLDER / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    machine = submit.Machine(
        spark_home=home,
        spark_version="4.1.1",
        java_home=java.java_home(settings.spark_venv),
        python=node_python(),
        cores=settings.local_cores,
        driver_memory_mib=settings.local_driver_memory_mib,
        s3_endpoint=variables["AWS_ENDPOINT_URL_S3"],
        region=variables["AWS_REGION"],
        scratch=scratch,
        jars=jars.find(home, settings.jars),
    )
    folder = ARTIFACTS.resolve()
    python = str(node_python())
    conf = {f"spark.driver.{name}": value for name, value in [QUICK_JAVA.split("=", 1)]} | ONE_ARENA | conf
    conf = {"spark.pyspark.python": python, "spark.pyspark.driver.python": python, **conf}
    options = [word for key, value in conf.items() for word in ("--conf", f"{key}={value}")]
    plan = submit.launch(
        [*options, "--py-files", str(folder / "verger_spark.zip"), str(folder / script), *arguments], [], machine
    )
    (scratch / "conf").mkdir(exist_ok=True)
    (scratch / "conf" / "spark-defaults.conf").write_text(properties_text(plan.defaults))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(Path.home()),
        **variables,
        **plan.environment,
        "OMP_NUM_THREADS": "1",
        "SPARK_CONF_DIR": str(scratch / "conf"),
    }
    return Command(plan.argv, environment)
