"""Runs Airflow's command line in an AIRFLOW_HOME of the test."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from development.airflow_environment import LOCAL_SETTINGS
from tests.places import ROOT

AIRFLOW = (str(Path(sys.executable).with_name("airflow")),)


@dataclass(frozen=True)
class RunDag:
    """Runs a DAG once, as `airflow dags test` does. The stdout of the result is the complete log.

    Each bucket has its own metadata database: the name of the asset is always the same, its address contains the
    bucket, and Airflow has only one active asset of a name.
    """

    home: Path
    prepared: set[tuple[str, str]] = field(default_factory=set)

    def __call__(
        self,
        bucket: str,
        dag: str = "fruit_features",
        *,
        at: str | None = None,
        params: Mapping[str, Any] | None = None,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run the DAG and wait for its end. A second call with the same `at` (ISO 8601) repeats the same run."""
        self.prepare(bucket, **environment)
        conf = json.dumps(params or {})
        command = [*AIRFLOW, "dags", "test", dag, "--conf", conf]
        if at:
            command = [sys.executable, "-m", "tests.dags.same_run", dag, at, conf]
        of_bucket = {"VERGER_BUCKET": bucket, "AIRFLOW_HOME": str(self.home / bucket)}
        with self.start(command, of_bucket | environment) as process:
            output, _ = process.communicate()
        return subprocess.CompletedProcess(command, process.returncode, output)

    def prepare(self, bucket: str, **environment: str) -> None:
        """Create the metadata database and serialize the DAGs of the DAG folder into it."""
        given = {name: value for name, value in environment.items() if name.startswith("AIRFLOW")}
        folder = given.get("AIRFLOW__CORE__DAGS_FOLDER", "")
        if (bucket, folder) in self.prepared:
            return
        self.prepared.add((bucket, folder))
        database, migrated = self.home / bucket / "airflow.db", self.home / "migrated" / "airflow.db"
        if not migrated.exists():  # for all buckets: it takes seconds
            self._airflow("db", "migrate", VERGER_BUCKET=bucket, AIRFLOW_HOME=str(migrated.parent))
        if not database.exists():
            database.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(migrated, database)
        self._airflow("dags", "reserialize", **({"VERGER_BUCKET": bucket} | given))

    def _airflow(self, *arguments: str, **environment: str) -> None:
        with self.start([*AIRFLOW, *arguments], environment) as process:
            output, _ = process.communicate()
        assert process.returncode == 0, output

    def start(self, command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
        """Start a command in its own process group, so that a test can kill all its processes."""
        ours = {
            "AIRFLOW_HOME": str(self.home / environment["VERGER_BUCKET"]),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "PYTHONPATH": f"{ROOT}:{LOCAL_SETTINGS}",
            "VERGER_NODE_ENV_DIR": str(self.home / "node"),
            "VERGER_POLL_SECONDS": "1",
            "VERGER_RETRIES": "0",
            "VERGER_LOG_WAIT_SECONDS": "20",
            "VERGER_LATE_MINUTES": "0",  # `airflow dags test` of 3.3 crashes after a DAG run with a deadline
            "COLUMNS": "200",
        }
        return subprocess.Popen(
            command,
            env={**os.environ, **ours, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
