"""Airflow and local AWS for the trials, with a fault proxy before S3 and before EMR."""

from __future__ import annotations

import contextlib
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.harness.airflow import Airflow, wait_for
from chaos.harness.bucket import BUCKET
from development.airflow_environment import ROOT, airflow_environment, verger_settings
from development.children import Children, StartError
from development.secrets import USER, password
from development.stack import AIRFLOW, COMPONENTS, Ports
from local_aws.faults.proxy import FaultProxy
from local_aws.processes import interrupts
from local_aws.settings import SHORT_STEPS
from local_aws.stack import Stack

STATE = ROOT / ".verger" / "chaos"
IDLE_TIMEOUT_S = 60
"""`VERGER_IDLE_TIMEOUT`, its smallest value: EMR ends an idle cluster after so many seconds."""
RUN_S = 600.0
"""Longest duration of a run. A run that takes longer has not ended."""
START_S = 300.0
"""Longest duration of the start of Airflow, also on a busy machine."""
SUPERVISION_S = 2.0
SETTINGS = {
    "VERGER_POLL_SECONDS": "1",
    "VERGER_PHOTOS_PER_TASK": "8",  # so that Spark tasks process the few photos, not the driver
    "VERGER_RETRIES": "1",
    "VERGER_RETRY_SECONDS": "1",
    "VERGER_IDLE_TIMEOUT": str(IDLE_TIMEOUT_S),
    "VERGER_LOG_WAIT_SECONDS": "5",
    "VERGER_CLUSTER_MINUTES": "2",
    "VERGER_STEP_MINUTES": "4",
    "VERGER_MAX_REJECTS_SHARE": "0.2",
    "VERGER_JANITOR_SCHEDULE": "never",
    "VERGER_EVENT_LOG_IN_BUCKET": "false",
    # Airflow's time limits for processes that are lost, in seconds; the defaults are minutes.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "30",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",  # after it a deleted DAG is there again
}


@dataclass
class ChaosStack:
    """The running processes. `s3` and `emr` are the proxies; Airflow and the nodes use them, `aws` does not.

    A run that takes longer than `run_s` seconds has not ended.
    """

    folder: Path
    ports: Ports
    aws: Stack
    s3: FaultProxy
    emr: FaultProxy
    run_s: float = RUN_S

    def __post_init__(self) -> None:
        self.children = Children(self.folder)
        self.airflow = Airflow(f"http://127.0.0.1:{self.ports.airflow}", USER, password(self.folder / "secrets"))
        variables = {
            **verger_settings(BUCKET, ROOT / ".verger" / "node", ""),
            **self.aws.environment(),
            "AWS_ENDPOINT_URL_S3": self.s3.url,
            "AWS_ENDPOINT_URL_EMR": self.emr.url,
            **SETTINGS,
        }
        del variables["VERGER_SPARK_HISTORY_URL"]
        self.environment = airflow_environment(
            self.folder / "airflow", self.folder / "secrets", self.ports.airflow, variables
        )

    @property
    def _commands(self) -> dict[str, list[str]]:
        return {
            "api-server": ["api-server", "--host", "127.0.0.1", "--port", str(self.ports.airflow), "--workers", "1"],
            "scheduler": ["scheduler", "--skip-serve-logs"],
            "dag-processor": ["dag-processor"],
            "triggerer": ["triggerer", "--skip-serve-logs"],
        }

    def start(self, name: str) -> None:
        """Start a process of Airflow, or `local_aws`: the servers of local AWS that do not run."""
        if name == "local_aws":
            self.aws.up()
        else:
            self.children.start(name, [str(AIRFLOW), *self._commands[name]], self.environment, self.folder)

    def kill(self, name: str) -> None:
        """End a process of Airflow with SIGKILL, with its descendants."""
        self.children.end_one(name, grace_s=0)

    def revive(self) -> None:
        """Start the processes of Airflow again that have ended by themselves, as a service manager does.

        Airflow 3.3's scheduler ends when a run or a DAG is deleted while it schedules the run.
        """
        for name in self.children.ended():
            print(f"chaos: {name} has ended by itself and is started again", file=sys.stderr)
            self.children.end_one(name)
            self.start(name)

    def stop_server(self, name: str) -> None:
        """End the s3 or the emr server of local AWS; `start("local_aws")` starts it again."""
        self.aws.end(name)

    @property
    def database(self) -> Path:
        """The metadata database: a file of SQLite."""
        return self.folder / "airflow" / "airflow.db"

    def healthy(self) -> bool:
        """Whether all processes of Airflow answer, and Airflow has the DAG."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            health = self.airflow._send("GET", "/api/v2/monitor/health", None, "")
            if all(health[name]["status"] == "healthy" for name in COMPONENTS):
                return bool(self.airflow.call("GET", "dags/fruit_features")["dag_id"])
        return False

    def wait_until_healthy(self) -> None:
        """Raise StartError when Airflow is not healthy in time."""
        if not wait_for(self.healthy, START_S, 0.5):
            raise StartError(f"Airflow is not healthy after {START_S:.0f} s; see {self.children.logs}")


@contextlib.contextmanager
def _supervision(stack: ChaosStack) -> Iterator[None]:
    """Revive ended processes while the body runs."""
    over = threading.Event()

    def supervise() -> None:
        while not over.wait(SUPERVISION_S):
            stack.revive()

    thread = threading.Thread(target=supervise, name="supervision", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def chaos_stack(folder: Path, ports: Ports, run_s: float = RUN_S) -> Iterator[ChaosStack]:
    """Run Airflow and local AWS during the body. The folder is emptied first.

    Raises
    ------
    StartError, local_aws.stack.StackError
        When it cannot be started. No process of it runs then.
    """
    folder = folder.resolve()
    previous = Children(folder)
    previous.end_recorded()
    Stack(folder / "local_aws").down()
    shutil.rmtree(folder, ignore_errors=True)
    with (
        FaultProxy(f"http://127.0.0.1:{ports.s3}") as s3,
        FaultProxy(f"http://127.0.0.1:{ports.emr}") as emr,
    ):
        at = {"s3_port": ports.s3, "emr_port": ports.emr, "node_s3_endpoint": s3.url}
        aws = Stack(folder / "local_aws", **at, java_options=SHORT_STEPS)
        stack = ChaosStack(folder, ports, aws, s3, emr, run_s)
        stack.children.claim()
        try:
            stack.children.run("airflow-db-migrate", [str(AIRFLOW), "db", "migrate"], stack.environment, folder)
            for name in ("local_aws", *stack._commands):
                stack.start(name)
            stack.wait_until_healthy()
            with _supervision(stack):
                yield stack
        finally:
            with interrupts.ignored():
                stack.children.end()
                aws.down()


def process_ids(stack: ChaosStack) -> dict[str, int]:
    """Return the process ids of Airflow's processes and of local AWS by name."""
    found: dict[str, Any] = {name: stack.children.pid(name) for name in stack._commands}
    servers = {f"local_aws {name}": server["pid"] for name, server in stack.aws.status().items()}
    return {name: int(pid) for name, pid in {**found, **servers}.items() if pid is not None}
