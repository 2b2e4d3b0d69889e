"""A complete stack as processes on loopback, for development and for tests that need a running Airflow.

    from development.stack import Ports, running

    with running(tmp_path, Ports.from_first(free_ports(Ports.COUNT)), photos=12) as stack:
        stack.url, stack.user, stack.password  # Airflow: its UI, its REST API under /api/v2
        stack.wait(stack.trigger())            # a run of the DAG: "success"
        stack.bucket, stack.aws                # bucket of the photos; environment variables for AWS clients

It starts local AWS (S3 and EMR), the API server, scheduler, DAG processor and triggerer of Airflow with LocalExecutor
and SQLite, a Spark history server, and a process that rebuilds the artifact set after edits. It waits until all of them
answer and Airflow has the DAG. At the end of the body, also after an error, it ends all of them. Database, logs and
buckets are kept in the folder for the next start.

It runs in the dev environment, after `make setup`. From another environment, start `python -m development up --json`:
its first line on standard output is `stack.json()` once the stack is up, and SIGTERM ends it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from development.airflow_environment import ROOT, airflow_environment, verger_settings
from development.children import Children, StartError
from development.photos import PHOTOS
from development.running import DAG_ID, Running, request_json
from development.secrets import USER, password
from local_aws.processes import interrupts
from local_aws.settings import S3_PORTS
from local_aws.stack import PortInUse, Stack

AIRFLOW = ROOT / ".verger" / "venv" / "airflow" / "bin" / "airflow"
BUCKET = "verger-orchard"
EVENTS = "logs/spark-events/"
TIMEOUT_S = 120.0
COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


@dataclass(frozen=True)
class Ports:
    """The ports of a stack. `s3` is the first of eight."""

    COUNT: ClassVar[int] = S3_PORTS + 3
    airflow: int = 8080
    s3: int = 8333
    emr: int = 5555
    history: int = 18080

    @classmethod
    def from_first(cls, first: int) -> Ports:
        """Return COUNT consecutive ports."""
        emr = first + S3_PORTS
        return cls(s3=first, emr=emr, airflow=emr + 1, history=emr + 2)


@contextlib.contextmanager
def running(
    folder: Path,
    ports: Ports = Ports(),
    *,
    bucket: str = BUCKET,
    photos: int = PHOTOS,
    settings: Mapping[str, str] = {},
    show: Callable[[str], None] = lambda line: None,
) -> Iterator[Running]:
    """Run the stack of `folder` during the body; see the docstring of the module.

    Parameters
    ----------
    folder : Path
        Folder of all files of the stack.
    photos : int
        Number of sample photos for a bucket without photos; 0 draws none.
    settings : mapping
        VERGER_… and AIRFLOW__… variables.
    show : callable
        Receives one line about the photos.

    Raises
    ------
    StartError, local_aws.stack.StackError
        When the stack cannot be started. No process of it runs then.
    """
    folder = folder.resolve()
    aws = Stack(folder / "local_aws", s3_port=ports.s3, emr_port=ports.emr)
    children = Children(folder)
    children.claim()
    try:
        _probe(ports, aws)
        made = _describe(folder, ports, bucket, aws)
        variables = {**verger_settings(bucket, folder / "node", made.history_url), **made.aws, **settings}
        environment = airflow_environment(folder / "airflow", folder / "secrets", ports.airflow, variables)
        _prepare(children, aws, made, environment, photos=photos, show=show)
        _start(children, ports, aws, made, environment)
        _wait(children, made)
        yield made
        children.check()
    finally:
        with interrupts.ignored():
            children.end()
            aws.down()


def _describe(folder: Path, ports: Ports, bucket: str, aws: Stack) -> Running:
    return Running(
        url=f"http://127.0.0.1:{ports.airflow}",
        user=USER,
        password=password(folder / "secrets"),
        history_url=f"http://127.0.0.1:{ports.history}",
        bucket=bucket,
        aws=aws.environment(),
        logs=str(folder / "logs"),
    )


def _probe(ports: Ports, aws: Stack) -> None:
    """Raise StartError when a port is in use. The message names the variable of `make up`."""
    try:
        aws.check_ports()
    except PortInUse as error:
        raise _taken(error.reason, error.server) from error
    for name in ("airflow", "history"):
        port = getattr(ports, name)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            raise _taken(f"port {port}, for the {name} server: {error.strerror}", name) from error


def _taken(reason: str, name: str) -> StartError:
    return StartError(f"{reason}; end that process, or choose another port: make up {name.upper()}_PORT=N")


def _prepare(
    children: Children,
    aws: Stack,
    made: Running,
    environment: dict[str, str],
    *,
    photos: int,
    show: Callable[[str], None],
) -> None:
    """Prepare the metadata database, and at the same time local AWS and the photos."""
    with ThreadPoolExecutor(1) as pool:
        migrating = pool.submit(
            children.run, "airflow-db-migrate", [str(AIRFLOW), "db", "migrate"], environment, children.folder
        )
        aws.up()
        command = [sys.executable, "-m", "development.photos", made.bucket, "--photos", str(photos)]
        children.run("photos", command, {**os.environ, **made.aws, "PYTHONPATH": str(ROOT)}, ROOT)
        show(children.tail("photos", 1))
        migrating.result()


def _start(children: Children, ports: Ports, aws: Stack, made: Running, environment: dict[str, str]) -> None:
    commands = {
        "api-server": ["api-server", "--host", "127.0.0.1", "--port", str(ports.airflow), "--workers", "1"],
        # All components read logs from one folder: no log server is needed.
        "scheduler": ["scheduler", "--skip-serve-logs"],
        "dag-processor": ["dag-processor"],
        "triggerer": ["triggerer", "--skip-serve-logs"],
    }
    for name, words in commands.items():
        children.start(name, [str(AIRFLOW), *words], environment, children.folder)
    own_environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    modules = {
        "artifacts": ["development.artifacts"],
        "spark-history": [
            *("local_aws", "history", "--state", str(aws.settings.state), "--port", str(ports.history)),
            f"s3://{made.bucket}/{EVENTS}",
        ],
    }
    for name, words in modules.items():
        children.start(name, [sys.executable, "-m", *words], own_environment, ROOT)


def _wait(children: Children, made: Running) -> None:
    """Wait until all servers answer and Airflow has the DAG. Raise StartError after TIMEOUT_S seconds."""
    deadline = time.monotonic() + TIMEOUT_S
    while missing := _missing(made):
        children.check()
        if time.monotonic() > deadline:
            raise StartError(f"{missing}: no answer after {TIMEOUT_S:.0f} s; see {made.logs}")
        time.sleep(0.5)


def _missing(made: Running) -> str:
    """Return the component that does not answer, or the error; empty when all answer."""
    try:
        health = request_json(f"{made.url}/api/v2/monitor/health")
        for name in COMPONENTS:
            if health[name]["status"] != "healthy":
                return name
        request_json(f"{made.history_url}/api/v1/applications?limit=1")
        made.get(f"dags/{DAG_ID}")
    except (OSError, ValueError, KeyError) as error:
        return str(error)
    return ""
