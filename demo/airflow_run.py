"""One run of the DAG by `airflow dags test`, shown as a few lines while it goes on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil
from rich.markup import escape

from demo.errors import DemoError
from local_aws.processes.tree import end_tree

ROOT = Path(__file__).resolve().parents[1]
AIRFLOW = ROOT / ".verger" / "venv" / "airflow" / "bin" / "airflow"
DAG_ID = "fruit_features"
#: Seconds between SIGTERM and SIGKILL.
GRACE_S = 5.0
_STARTING = re.compile(r"^\[DAG TEST\] starting task_id=(\w+)")
# What the tasks themselves have to say is logged by Verger and its operators; the rest is Airflow's own.
_OURS = ("verger.", "airflow.task.operators.verger.")
_REPEATED = (
    "Poking ",
    "Job flow currently",
    "Adding steps",
    "Creating job flow",
    "Terminating JobFlow with id",
    "Done. ",
    "last lines of ",  # they are in airflow.log; the exception says what was wrong
)


@dataclass
class Airflow:
    """An Airflow home of its own, with Verger's DAGs and plugins; `variables` name endpoints and settings.

    Its processes are in sessions of their own: Ctrl-C reaches the demo alone, which ends them by `close`.
    """

    home: Path
    log: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    _process: psutil.Popen | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def prepare(self) -> None:
        """Create or upgrade the metadata database, and put the DAGs into it."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        for command in (("db", "migrate"), ("dags", "reserialize")):
            with self.log.open("ab") as log:
                code = self._start(command, log).wait()
            if code:
                raise DemoError(f"airflow {' '.join(command)} failed; see {self.log}")

    def run(self, show: Callable[[str], None], params: Mapping[str, Any] | None = None) -> bool:
        """Run the DAG once, here and now; whether it succeeded. `show` receives each line worth reading, as markup.
        `params` are the parameters that a user would fill in.

        When it is interrupted, Airflow is ended as it stands, without the DAG's teardown.
        """
        state, failures = "", set[str]()
        with self._start(("dags", "test", DAG_ID, "--conf", json.dumps(params or {})), subprocess.PIPE) as process:
            assert process.stdout is not None  # noqa: S101
            try:
                for event in self._events(process.stdout):
                    state = str(event.get("run_state", state))
                    line = worth_reading(event)
                    if line and line not in failures:
                        show(line)
                    if event.get("exception"):
                        failures.add(line)  # the task says it, and `dags test` says it again
            except BaseException:
                self.close()
                raise
        return process.returncode == 0 and state in ("", "success")

    def close(self) -> None:
        """End what runs of Airflow; nothing is started any more."""
        with self._lock:
            self._closed = True
            process = self._process
        if process is not None:
            end_tree(process, grace_s=GRACE_S, group=True)
            process.wait()

    def _start(self, command: Iterable[str], output: int | IO[bytes]) -> psutil.Popen:
        with self._lock:
            if self._closed:
                raise DemoError("Airflow was ended")
            self._process = psutil.Popen(
                [AIRFLOW, *command], env=self._environment(), stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, text=True, start_new_session=True,
            )  # fmt: skip
            return self._process

    def _events(self, lines: Iterator[str]) -> Iterator[dict[str, Any]]:
        with self.log.open("a") as log:
            for line in lines:
                log.write(line)
                log.flush()
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict):
                    yield event

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
        return {
            **inherited,
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__JSON_LOGS": "True",
            "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
            **self.variables,
        }


def worth_reading(event: Mapping[str, Any]) -> str:
    """What a log event of Airflow deserves on the terminal, as rich's markup; empty for most."""
    message, logger = str(event.get("event", "")), str(event.get("logger", ""))
    if started := _STARTING.match(message):
        return f"[bold]{started[1]}[/bold]"
    if exceptions := event.get("exception"):
        raised = exceptions[0] if isinstance(exceptions, list) else {}  # what follows it is what it was raised from
        return f"[red]{_indented(raised.get('exc_value') or raised.get('exc_type') or message)}[/red]"
    if logger.startswith(_OURS) and not message.startswith(_REPEATED):
        return _indented(message)
    return ""


def _indented(text: str) -> str:
    return escape("\n".join(f"  {line}" for line in text.splitlines()))
