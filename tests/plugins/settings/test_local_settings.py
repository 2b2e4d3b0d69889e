"""The processes that fork tasks import and read before the fork what tasks need (development/airflow_config)."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.places import ROOT

PARSE = """
import sys
sys.argv = ["airflow", *sys.argv[1:]]
import airflow.executors.local_executor
from airflow.sdk.execution_time import task_runner
before = {*sys.modules}
from airflow.dag_processing.dagbag import DagBag
assert DagBag("dags/fruit_features.py").dags
import matplotlib.backends.backend_svg, matplotlib.figure
import pyarrow.parquet
import verger.s3.clients
print("".join(f"{name} " for name in sorted({*sys.modules} - before)))
"""
CLIENTS = """
import sys
sys.argv = ["airflow", *sys.argv[1:]]
import airflow
from botocore.loaders import JSONFileLoader
from verger.emr.hook import IdempotentEmrHook
from verger.s3 import clients
from verger.settings import Settings
read = []
for _ in range(2):
    before = JSONFileLoader.load_file.cache_info().misses
    assert clients.client(Settings.from_environment().storage).meta.service_model.operation_names
    assert IdempotentEmrHook(aws_conn_id="aws_default", region_name="eu-west-3").get_conn()
    read.append(JSONFileLoader.load_file.cache_info().misses - before)
print(*read)
"""
LARGE = (
    "airflow.providers.amazon.aws.hooks",
    "airflow.providers.amazon.aws.operators",
    "boto3",
    "botocore",
    "matplotlib.",
    "pyarrow",
)


def last_line(program: str, *arguments: str) -> list[str]:
    """Run a program in a process with the local settings of Airflow, and return the words of its last line."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=os.environ
        | {
            "PYTHONPATH": f"{ROOT / 'development/airflow_config'}:{ROOT / 'plugins'}:{ROOT / 'spark_jobs'}",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "VERGER_BUCKET": "bucket-of-test",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize(
    ("command", "at_the_start"), [("scheduler", True), ("celery worker", True), ("version", False)]
)
def test_the_large_libraries_are_imported_before_the_fork(command: str, at_the_start: bool) -> None:
    imported = last_line(PARSE, *command.split())
    assert "verger.s3.clients" in imported  # a task imports Verger itself, so that edits take effect
    assert any(name.startswith(LARGE) for name in imported) is not at_the_start


def test_the_files_about_aws_services_are_read_before_the_fork() -> None:
    assert last_line(CLIENTS, "scheduler") == ["0", "0"]


def test_a_process_reads_the_files_about_aws_services_once() -> None:
    first, second = map(int, last_line(CLIENTS, "version"))
    assert first > second == 0
