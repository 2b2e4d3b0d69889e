"""The processes that fork tasks import before the fork what tasks import (development/airflow_config)."""

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
import pyarrow.parquet
import verger.s3.clients
print("".join(f"{name} " for name in sorted({*sys.modules} - before)))
"""
LARGE = ("airflow.providers.amazon.aws.hooks", "airflow.providers.amazon.aws.operators", "boto3", "botocore", "pyarrow")


@pytest.mark.parametrize(
    ("command", "at_the_start"), [("scheduler", True), ("celery worker", True), ("version", False)]
)
def test_the_large_libraries_are_imported_before_the_fork(command: str, at_the_start: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PARSE, *command.split()],
        env=os.environ
        | {
            "PYTHONPATH": f"{ROOT / 'development/airflow_config'}:{ROOT / 'plugins'}",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "VERGER_BUCKET": "bucket-of-test",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = done.stdout.splitlines()[-1].split()
    assert "verger.s3.clients" in imported  # a task imports Verger itself, so that edits take effect
    assert any(name.startswith(LARGE) for name in imported) is not at_the_start
