"""One run of the DAG by `airflow dags test`, shown as a few lines while it goes on."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.photos import DemoError

ROOT = Path(__file__).resolve().parents[1]
AIRFLOW = ROOT / ".verger" / "venv" / "airflow" / "bin" / "airflow"
DAG_ID = "fruit_features"
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
)


@dataclass
class Airflow:
    """An Airflow home of its own, with Verger's DAGs and plugins; `variables` name endpoints and settings."""

    home: Path
    log: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Create or upgrade the metadata database, and put the DAGs into it."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        for command in (("db", "migrate"), ("dags", "reserialize")):
            with self.log.open("ab") as log:
                done = subprocess.run([AIRFLOW, *command], env=self._environment(), stdout=log, stderr=log, check=False)
            if done.returncode:
                raise DemoError(f"airflow {' '.join(command)} failed; see {self.log}")

    def run(self, show: Callable[[str], None]) -> bool:
        """Run the DAG once, here and now; whether it succeeded. `show` receives each line worth reading."""
        with subprocess.Popen(
            [AIRFLOW, "dags", "test", DAG_ID],
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None  # noqa: S101
            state = ""
            try:
                for event in self._events(process.stdout):
                    state = str(event.get("run_state", state))
                    if line := worth_reading(event):
                        show(line)
            except KeyboardInterrupt:
                process.wait(timeout=120)  # Airflow has the interrupt too: it still ends the cluster
                raise
        return process.returncode == 0 and state in ("", "success")

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
    """The line that a log event of Airflow deserves on the terminal; empty for most."""
    message, logger = str(event.get("event", "")), str(event.get("logger", ""))
    if started := _STARTING.match(message):
        return f"[bold]{started[1]}[/bold]"
    if exceptions := event.get("exception"):
        last = exceptions[-1] if isinstance(exceptions, list) else {}
        return f"[red]{message}: {last.get('exc_value', '')}[/red]"
    if logger.startswith(_OURS) and not message.startswith(_REPEATED):
        return f"  {message}"
    return ""
