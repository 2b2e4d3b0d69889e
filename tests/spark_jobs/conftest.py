"""Run the two steps as a cluster does: spark-submit, the job zip, Python workers in a node environment."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from local_aws.spark.java import java_home
from local_aws.stack import Stack
from tests.places import ROOT, STATE, environment_python
from tests.ports import free_ports
from verger.emr.steps.requests import JVM_OPTIONS
from verger_spark.features.local_inventory import write_inventory

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "photos"
ARTIFACTS = STATE / "artifacts" / "current"


@dataclass(frozen=True)
class Finished:
    """A step that has ended: its exit code, its output, and the folder that it wrote to."""

    code: int
    output: str
    folder: Path

    @property
    def error(self) -> str:
        """The last line: the error message of a failed step."""
        return self.output.strip().splitlines()[-1]

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The rows of a Parquet folder of the step, by path."""
        rows: list[dict[str, Any]] = pq.read_table(self.folder / name).to_pylist()
        return sorted(rows, key=lambda row: row["path"])

    def json(self, name: str) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.folder / name).read_text())
        return value


Submit = Callable[..., Finished]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running S3 server with the bucket `BUCKET`."""
    first = free_ports()
    stack = Stack(tmp_path_factory.mktemp("stack"), s3_port=first, emr_port=first + 8)
    stack.up()
    try:
        stack.client("s3").create_bucket(Bucket=BUCKET)
        yield stack
    finally:
        stack.down()


@pytest.fixture(scope="module")
def s3(stack: Stack) -> Iterator[S3Client]:
    """A client of the server. The environment variables for obstore are set for the module."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in stack.environment().items():
            environment.setenv(name, value)
        yield stack.client("s3")


@pytest.fixture(scope="session")
def node_python() -> Path:
    """The Python of a node environment, installed by the bootstrap action."""
    sha256 = ARTIFACTS.resolve().name
    environment = STATE / "node" / sha256
    subprocess.run(
        ["bash", ROOT / "bootstrap" / "bootstrap_emr.sh", ARTIFACTS.resolve().as_uri(), environment], check=True
    )
    return environment / "bin" / "python"


@pytest.fixture(scope="session")
def start(node_python: Path) -> Start:
    """Start a script by spark-submit on two local cores, in a session of processes of its own."""

    def run(folder: Path, script: Path, *arguments: str, spark: str = "spark") -> subprocess.Popen[str]:
        home = environment_python(spark).parents[1] / "lib" / "python3.11" / "site-packages" / "pyspark"
        command: list[str | Path] = [
            home / "bin" / "spark-submit",
            *("--master", "local[2]", "--driver-memory", "2g"),
            *("--conf", "spark.ui.enabled=false", "--conf", f"spark.pyspark.python={node_python}"),
            *("--conf", f"spark.driver.{JVM_OPTIONS}"),
            "--py-files",
            ARTIFACTS / "verger_spark.zip",
            script,
            *arguments,
        ]
        variables = {
            **os.environ,
            "SPARK_HOME": str(home),
            "JAVA_HOME": str(java_home(STATE / "venv" / "spark")),
            "SPARK_LOCAL_IP": "127.0.0.1",
        }
        variables.pop("PYTHONPATH", None)
        return subprocess.Popen(
            command,
            env=variables,
            cwd=folder,
            start_new_session=True,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    return run


@pytest.fixture(scope="session")
def submit(start: Start) -> Submit:
    """Run a script by spark-submit to its end. `spark` names the environment that contains Spark."""

    def run(folder: Path, script: Path, *arguments: str, spark: str = "spark") -> Finished:
        process = start(folder, script, *arguments, spark=spark)
        output, _ = process.communicate()
        return Finished(process.returncode, output, folder)

    return run


@pytest.fixture(scope="session")
def featurize(submit: Submit) -> Submit:
    """Run step 1 over all files below a folder, which also receives the output."""

    def run(folder: Path, *arguments: str, **options: Any) -> Finished:
        if not (folder / "inventory.parquet").exists():
            write_inventory(folder, folder / "inventory.parquet")
        at = folder.as_uri()
        options.setdefault("script", ARTIFACTS / "featurize.py")
        return submit(
            folder,
            options.pop("script"),
            *("--images", at, "--images-prefix", "images/", "--inventory", f"{at}/inventory.parquet"),
            *("--model", (ARTIFACTS / "model").resolve().as_uri()),
            *("--features", f"{at}/features", "--rejects", f"{at}/rejects"),
            *("--metrics", f"{at}/featurize.json", "--progress", f"{at}/progress.json", *arguments),
            **options,
        )

    return run


@pytest.fixture(scope="session")
def pca(submit: Submit) -> Submit:
    """Run step 2 over `features` of a folder, which also receives the output. `source` replaces its input."""

    def run(folder: Path, *arguments: str, source: tuple[str, ...] = (), **options: Any) -> Finished:
        at = folder.as_uri()
        return submit(
            folder,
            options.pop("script", ARTIFACTS / "pca.py"),
            *(source or ("--features", f"{at}/features")),
            *("--pca", f"{at}/pca", "--basis", f"{at}/basis", "--metrics", f"{at}/pca.json", *arguments),
            **options,
        )

    return run
