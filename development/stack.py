"""A whole stack as processes on loopback, for who develops and for tests that need a running Airflow.

    from development.stack import Ports, running

    with running(tmp_path, Ports.from_first(free_ports(Ports.COUNT)), photos=12) as stack:
        stack.url, stack.user, stack.password  # Airflow: its UI, its REST API under /api/v2
        stack.wait(stack.trigger())            # a run of the DAG: "success"
        stack.bucket, stack.aws                # where the photos are; variables by which AWS clients find S3 and EMR

It starts local_aws (S3 and EMR), Airflow's api-server, scheduler, dag-processor and triggerer with LocalExecutor and
SQLite, a Spark history server, and what keeps the artifact set up to date; waits until all of them answer and the DAG
is there; and ends all of them, by their process ids, however the body ends. What it keeps (database, logs, buckets)
lies in the folder and is there again next time.

It needs what `make setup` installs, and runs in the dev environment. From another one, start `python -m development up
--json` there: its first line on standard output, once all is up, is `stack.json()`, and SIGTERM ends it.
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

from development import photos as drawn
from development.airflow_environment import ROOT, airflow_environment, verger_settings
from development.children import Children, StartError
from development.running import DAG_ID, Running, ask
from development.secrets import USER, password
from local_aws.processes import interrupts
from local_aws.settings import S3_PORTS
from local_aws.stack import Stack

AIRFLOW = ROOT / ".verger" / "venv" / "airflow" / "bin" / "airflow"
BUCKET = "verger-orchard"
EVENTS = "logs/spark-events/"
PATIENCE_S = 120.0
COMPONENTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")


@dataclass(frozen=True)
class Ports:
    """Where everything listens; `s3` is the first of eight."""

    COUNT: ClassVar[int] = S3_PORTS + 3
    airflow: int = 8080
    s3: int = 8333
    emr: int = 5555
    history: int = 18080

    @classmethod
    def from_first(cls, first: int) -> Ports:
        """COUNT consecutive ports."""
        emr = first + S3_PORTS
        return cls(s3=first, emr=emr, airflow=emr + 1, history=emr + 2)


@contextlib.contextmanager
def running(
    folder: Path,
    ports: Ports = Ports(),
    *,
    bucket: str = BUCKET,
    photos: int = drawn.PHOTOS,
    settings: Mapping[str, str] = {},
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[Running]:
    """The stack of `folder` while the body runs; see the module's docstring.

    A bucket without photos gets `photos` drawn ones (0: none). `settings` are VERGER_… and AIRFLOW__… variables.
    Raises StartError, or local_aws.stack.StackError, when it cannot be started; then nothing of it runs.
    """
    folder = folder.resolve()
    aws = Stack(folder / "local_aws", s3_port=ports.s3, emr_port=ports.emr)
    children = Children(folder)
    children.claim()
    try:
        _probe(ports)
        made = _describe(folder, ports, bucket, aws)
        environment = airflow_environment(
            folder / "airflow",
            folder / "secrets",
            ports.airflow,
            {**verger_settings(bucket, folder / "node", made.history_url), **made.aws, **settings},
        )
        _prepare(children, aws, made, environment, photos=photos, say=say)
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


def _probe(ports: Ports) -> None:
    """Raise StartError when somebody else listens where Airflow or the history server should; local_aws sees to its own
    ports."""
    for name in ("airflow", "history"):
        port = getattr(ports, name)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            raise StartError(
                f"port {port}: {error.strerror}; end that process, or choose another: "
                f"python -m development up --{name}-port N"
            ) from error


def _prepare(
    children: Children,
    aws: Stack,
    made: Running,
    environment: dict[str, str],
    *,
    photos: int,
    say: Callable[[str], None],
) -> None:
    """Metadata database, local AWS and photos, side by side."""
    with ThreadPoolExecutor(1) as pool:
        migrating = pool.submit(
            children.run, "airflow-db-migrate", [str(AIRFLOW), "db", "migrate"], environment, children.folder
        )
        aws.up()
        command = [sys.executable, "-m", "development.photos", made.bucket, "--photos", str(photos)]
        children.run("photos", command, {**os.environ, **made.aws, "PYTHONPATH": str(ROOT)}, ROOT)
        say(children.tail("photos", 1))
        migrating.result()


def _start(children: Children, ports: Ports, aws: Stack, made: Running, environment: dict[str, str]) -> None:
    commands = {
        "api-server": ["api-server", "--host", "127.0.0.1", "--port", str(ports.airflow), "--workers", "1"],
        # Logs are read from the folder that all of them share; nothing needs to serve them.
        "scheduler": ["scheduler", "--skip-serve-logs"],
        "dag-processor": ["dag-processor"],
        "triggerer": ["triggerer", "--skip-serve-logs"],
    }
    for name, words in commands.items():
        children.start(name, [str(AIRFLOW), *words], environment, children.folder)
    ours = {**os.environ, "PYTHONPATH": str(ROOT)}
    modules = {
        "artifacts": ["development.artifacts"],
        "spark-history": [
            *("local_aws", "history", "--state", str(aws.settings.state), "--port", str(ports.history)),
            f"s3://{made.bucket}/{EVENTS}",
        ],
    }
    for name, words in modules.items():
        children.start(name, [sys.executable, "-m", *words], ours, ROOT)


def _wait(children: Children, made: Running) -> None:
    """Return when everything answers and Airflow knows the DAG. Raises StartError."""
    deadline = time.monotonic() + PATIENCE_S
    while missing := _missing(made):
        children.check()
        if time.monotonic() > deadline:
            raise StartError(f"{missing}: not there after {PATIENCE_S:.0f} s; see {made.logs}")
        time.sleep(0.5)


def _missing(made: Running) -> str:
    """What does not answer yet; empty when all do."""
    try:
        health = ask(f"{made.url}/api/v2/monitor/health")
        for name in COMPONENTS:
            if health[name]["status"] != "healthy":
                return name
        ask(f"{made.history_url}/api/v1/applications?limit=1")
        made.get(f"dags/{DAG_ID}")
    except (OSError, ValueError, KeyError) as error:
        return str(error)
    return ""
