"""Runs of the DAG by `airflow dags test`, in an Airflow home of their own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from obstore.store import S3Store

from benchmarks.harness import local_stack
from benchmarks.harness.places import FOLDER, ROOT, STATE
from benchmarks.harness.signals import signals_ignored
from development.airflow_environment import LOCAL_SETTINGS
from local_aws.processes.tree import end_tree
from verger_contract import keys
from verger_contract.report import Report

AIRFLOW = STATE / "venv" / "airflow" / "bin" / "airflow"
DAG_ID = "fruit_features"
GRACE_S = 5.0
"""Seconds between SIGTERM and SIGKILL."""


@dataclass(frozen=True)
class DagRun:
    """A finished run.

    Attributes
    ----------
    seconds : float
        From the start of Airflow's process to its end.
    report : Report or None
        None when the run published nothing.
    start_seconds : float
        Until the first task started. `airflow dags test` starts an API server in its process before it.
    """

    seconds: float
    report: Report | None
    start_seconds: float = 0.0


class Airflow:
    """An Airflow home with Verger's DAGs and plugins, whose runs read and write one bucket.

    Parameters
    ----------
    bucket : str
        Name of the bucket.
    store : S3Store
        Reads the bucket.
    variables : mapping of str to str
        Environment variables by which AWS clients find local AWS.
    """

    def __init__(self, bucket: str, store: S3Store, variables: Mapping[str, str]) -> None:
        self.home = FOLDER / "airflow" / bucket
        self.log = FOLDER / "logs" / f"{bucket}.log"
        self.store = store
        self._environment = airflow_environment(self.home, bucket, variables)

    def prepare(self) -> None:
        """Create or upgrade the metadata database and register the DAGs.

        Raises
        ------
        SystemExit
            A command failed. The message names the log.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        for command in (("db", "migrate"), ("dags", "reserialize")):
            if self._run(*command):
                raise SystemExit(f"airflow {' '.join(command)} failed; see {self.log}")

    def run(self) -> DagRun:
        """Run the DAG once.

        Raises
        ------
        SystemExit
            The run failed. The message names the log.
        """
        before, offset = self._published(), self.log.stat().st_size
        started_at, started = datetime.now(UTC), time.monotonic()
        print(f"running the DAG {DAG_ID}; log: {self.log}", flush=True)
        code = self._run("dags", "test", DAG_ID)
        seconds = time.monotonic() - started
        events = list(_events(self.log.read_bytes()[offset:]))
        if code or state_of(events) not in ("", "success"):
            raise SystemExit(f"the DAG run failed; see {self.log}")
        run, start = self._published(), first_task(events, started_at) - started_at
        if run is None or run == before:
            return DagRun(seconds, None, start.total_seconds())
        report: Report = json.loads(local_stack.read(self.store, keys.Run("", run).report_facts))
        return DagRun(seconds, report, start.total_seconds())

    def _published(self) -> str | None:
        """Return the id of the published run."""
        try:
            content = local_stack.read(self.store, keys.PUBLISHED)
        except FileNotFoundError:
            return None
        run: str | None = json.loads(content)["run"]
        return run

    def _run(self, *command: str) -> int:
        """Run an Airflow command to its end and return its exit code. An exception ends its whole session."""
        with (
            self.log.open("ab") as log,
            subprocess.Popen(
                [AIRFLOW, *command], env=self._environment, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
            ) as process,
        ):  # fmt: skip
            tree = psutil.Process(process.pid)
            try:
                return process.wait()
            except BaseException:
                with signals_ignored():
                    end_tree(tree, grace_s=GRACE_S, group=True)
                raise


def _events(log: bytes) -> Iterator[Mapping[str, Any]]:
    """Yield the events in a log of JSON lines."""
    for line in log.splitlines():
        with contextlib.suppress(ValueError):
            event: Any = json.loads(line)
            if isinstance(event, dict):
                yield event


def state_of(events: Iterable[Mapping[str, Any]]) -> str:
    """Return the last state of a DAG run; empty when there is none."""
    return next((str(event["run_state"]) for event in reversed([*events]) if "run_state" in event), "")


def first_task(events: Iterable[Mapping[str, Any]], otherwise: datetime) -> datetime:
    """Return when the API server started the first task."""
    stamps = (event["timestamp"] for event in events if event.get("event") == "Task started")
    return next(map(datetime.fromisoformat, stamps), otherwise)


def airflow_environment(home: Path, bucket: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of Airflow's processes whose DAGs use a bucket."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    return {
        **inherited,
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": str(LOCAL_SETTINGS),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__LOGGING__JSON_LOGS": "True",
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        **variables,
        "VERGER_BUCKET": bucket,
        "VERGER_NODE_ENV_DIR": str(STATE / "node"),
        "VERGER_SCHEDULE": "never",
        "VERGER_POLL_SECONDS": "2",
        "VERGER_RETRIES": "0",
        "VERGER_LOG_WAIT_SECONDS": "20",
        "VERGER_LATE_MINUTES": "0",  # `airflow dags test` of 3.3 crashes after a DAG run with a deadline
        "VERGER_ALLOW_RANDOM_WEIGHTS": "true",
    }
