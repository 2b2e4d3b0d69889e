"""Verger's two steps as commands: spark-submit as a node of a cluster runs it, on all cores of this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmarks.harness.photo_bucket import BUCKET, PREFIX
from benchmarks.harness.places import FOLDER, ROOT, STATE
from benchmarks.measuring.meter import Measured
from local_aws.settings import Settings
from local_aws.spark import jars, java, submit
from local_aws.spark.syntax import properties_text
from verger.emr.requests import WORKER_MEMORY
from verger.emr.steps.requests import JVM_OPTIONS

ARTIFACTS = STATE / "artifacts" / "current"


@dataclass(frozen=True)
class Command:
    """A program with its arguments and its complete environment."""

    argv: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def featurize(
    variables: dict[str, str], run: str, inventory: str, *more: str, conf: dict[str, str] | None = None
) -> Command:
    """Return the command of step 1 over an inventory of the bucket. It writes below s3://verger-bench/<run>/.

    Parameters
    ----------
    variables : dict of str to str
        Environment variables by which AWS clients find local AWS.
    run : str
        First part of the keys that the step writes.
    inventory : str
        URI of the inventory.
    *more : str
        Further arguments of the step.
    conf : dict of str to str, optional
        Spark settings that replace or extend Verger's.
    """
    folder = f"s3://{BUCKET}/{run}"
    return spark_submit(
        variables,
        "featurize.py",
        *("--images", f"s3://{BUCKET}", "--images-prefix", PREFIX, "--inventory", inventory),
        *("--model", (ARTIFACTS / "model").resolve().as_uri(), "--features", f"{folder}/features"),
        *(
            "--rejects",
            f"{folder}/rejects",
            "--metrics",
            f"{folder}/featurize.json",
            "--progress",
            f"{folder}/progress.json",
        ),
        *more,
        conf=conf or {},
    )


def pca(variables: dict[str, str], run: str, features: str, *more: str, conf: dict[str, str] | None = None) -> Command:
    """Return the command of step 2 over a folder of features. It writes below s3://verger-bench/<run>/.

    The parameters are those of `featurize`; `features` is the URI of the folder.
    """
    folder = f"s3://{BUCKET}/{run}"
    return spark_submit(
        variables,
        "pca.py",
        *("--features", features, "--pca", f"{folder}/pca", "--basis", f"{folder}/basis"),
        *("--metrics", f"{folder}/pca.json", "--progress", f"{folder}/progress.json", *more),
        conf=conf or {},
    )


def work(metrics: Mapping[str, Any], measured: Measured) -> tuple[float, float]:
    """Return the seconds and CPU seconds of a step without the start and the end of the JVM and of Spark's session.

    Parameters
    ----------
    metrics : mapping
        Metrics that the step wrote. `seconds` holds its parts in the order in which they ran.
    measured : Measured
        Figures of its processes.
    """
    laps = list(metrics["seconds"].items())
    before = sum(seconds for _, seconds in laps[: [name for name, _ in laps].index("startup")])
    total, session = metrics["seconds"]["total"], metrics["seconds"]["startup"]
    began = datetime.fromisoformat(metrics["started_at"]).timestamp() - measured.began
    parts = ((began, began + before), (began + before + session, began + total))
    return total - session, sum(measured.cpu_between(start, stop) for start, stop in parts)


def worker_variables() -> dict[str, str]:
    """Return the environment variables by which a Python worker of the steps allocates memory."""
    return {name.removeprefix("spark.executorEnv."): value for name, value in WORKER_MEMORY.items()}


@lru_cache(maxsize=1)
def node_python() -> Path:
    """Return the Python of a node environment, which the bootstrap action builds from the wheelhouse."""
    folder = ARTIFACTS.resolve()
    environment = STATE / "node" / folder.name
    script = ROOT / "bootstrap" / "bootstrap_emr.sh"
    subprocess.run(["bash", script, folder.as_uri(), environment], check=True, capture_output=True)
    return environment / "bin" / "python"


def spark_submit(
    variables: dict[str, str], script: str, *arguments: str, conf: dict[str, str] | None = None
) -> Command:
    """Return the command that runs a script of the artifact set. `conf` replaces or extends Verger's Spark settings."""
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
    artifacts = ARTIFACTS.resolve()
    python = str(node_python())
    conf = {f"spark.driver.{name}": value for name, value in [JVM_OPTIONS.split("=", 1)]} | WORKER_MEMORY | (conf or {})
    conf = {"spark.pyspark.python": python, "spark.pyspark.driver.python": python, **conf}
    options = [word for key, value in conf.items() for word in ("--conf", f"{key}={value}")]
    plan = submit.launch(
        [*options, "--py-files", str(artifacts / "verger_spark.zip"), str(artifacts / script), *arguments], [], machine
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
