"""One run of the DAG by `airflow dags test`, and the lines of its log that the terminal shows."""

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
#: Loggers of Verger and its operators. Other loggers belong to Airflow.
_LOGGERS = ("verger.", "airflow.task.operators.verger.")
#: Beginnings of messages that the terminal does not show.
_HIDDEN = (
    "Poking ",
    "Job flow currently",
    "Adding steps",
    "Creating job flow",
    "Terminating JobFlow with id",
    "Done. ",
    "last lines of ",  # airflow.log has them, and the exception names the error
)


@dataclass
class Airflow:
    """A separate Airflow home with the DAGs and plugins of Verger.

    Its processes run in sessions of their own: Ctrl-C reaches only the demo, which ends them by `close`.

    Attributes
    ----------
    home : Path
        AIRFLOW_HOME.
    log : Path
        File of the complete log.
    variables : mapping
        Environment variables: addresses of AWS, and settings of Verger.
    """

    home: Path
    log: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    _process: psutil.Popen | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def bucket(self) -> str:
        """The bucket in the settings."""
        return self.variables["VERGER_BUCKET"]

    def prepare(self) -> None:
        """Create or upgrade the metadata database, and write the DAGs to it.

        Raises
        ------
        DemoError
            When a command of Airflow fails.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        for command in (("db", "migrate"), ("dags", "reserialize")):
            with self.log.open("ab") as log:
                code = self._start(command, log).wait()
            if code:
                raise DemoError(f"airflow {' '.join(command)} failed; see {self.log}")

    def run(self, show: Callable[[str], None], params: Mapping[str, Any] | None = None) -> bool:
        """Run the DAG once and wait for its end.

        An interrupt ends Airflow at once, without the teardown of the DAG.

        Parameters
        ----------
        show : callable
            Receives each line for the terminal, as rich's markup.
        params : mapping, optional
            Params of the DAG run.

        Returns
        -------
        bool
            True when the run succeeded.
        """
        state, failures = "", set[str]()
        with self._start(("dags", "test", DAG_ID, "--conf", json.dumps(params or {})), subprocess.PIPE) as process:
            assert process.stdout is not None  # noqa: S101
            try:
                for event in self._events(process.stdout):
                    state = str(event.get("run_state", state))
                    line = terminal_line(event)
                    if line and line not in failures:
                        show(line)
                    if event.get("exception"):
                        failures.add(line)  # the task logs it, and `dags test` logs it again
            except BaseException:
                self.close()
                raise
        return process.returncode == 0 and state in ("", "success")

    def close(self) -> None:
        """End the processes of Airflow, and start no other one."""
        with self._lock:
            self._closed = True
            process = self._process
        if process is not None:
            end_tree(process, grace_s=GRACE_S, group=True)
            process.wait()

    def _start(self, command: Iterable[str], output: int | IO[bytes]) -> psutil.Popen:
        with self._lock:
            if self._closed:
                raise DemoError("Airflow has been ended")
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


def terminal_line(event: Mapping[str, Any]) -> str:
    """Return the line for a log event of Airflow, as rich's markup; empty for events that are not shown."""
    message, logger = str(event.get("event", "")), str(event.get("logger", ""))
    if started := _STARTING.match(message):
        return f"[bold]{started[1]}[/bold]"
    if exceptions := event.get("exception"):
        raised = exceptions[0] if isinstance(exceptions, list) else {}  # the next ones are its causes
        return f"[red]{_indented(raised.get('exc_value') or raised.get('exc_type') or message)}[/red]"
    if logger.startswith(_LOGGERS) and not message.startswith(_HIDDEN):
        return _indented(message)
    return ""


def _indented(text: str) -> str:
    return escape("\n".join(f"  {line}" for line in text.splitlines()))
