"""The child processes of a development stack: their logs, and a file with their identities that ends them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from local_aws.processes import interrupts
from local_aws.processes.identity import ProcessId
from local_aws.processes.tree import end_tree

SUPERVISOR = "up"
#: Seconds between SIGTERM and SIGKILL. The scheduler of Airflow waits for its tasks.
GRACE_S = 20.0


class StartError(Exception):
    """The stack cannot be started. The message names the reason and what to do."""


class Children:
    """The processes of the stack in `folder`. Their logs are `<folder>/logs/<name>.log`.

    They run in sessions of their own: Ctrl-C reaches only the supervisor, which ends them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self._file = folder / "processes.json"
        self._started: dict[str, psutil.Popen] = {}
        self._lock = threading.Lock()

    def claim(self) -> None:
        """Record the calling process as the supervisor. End the processes that a killed supervisor left.

        Raises
        ------
        StartError
            When another supervisor runs.
        """
        supervisor = self.recorded().get(SUPERVISOR)
        if supervisor is not None and supervisor.runs():
            raise StartError(f"{self.folder}: already up (process {supervisor.pid}); `make down` ends it")
        self.end_recorded()
        self.logs.mkdir(parents=True, exist_ok=True)
        own = ProcessId.of(os.getpid())
        assert own is not None  # noqa: S101
        self._record({SUPERVISOR: own})

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        """Start a process with its output in its log."""
        with interrupts.deferred(), (self.logs / f"{name}.log").open("wb") as log:
            self._started[name] = started = psutil.Popen(
                list(command), env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        if (identity := ProcessId.of(started.pid)) is not None:
            with self._lock:
                self._record({**self.recorded(), name: identity})

    def run(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        """Start a process and wait for its end. Raise StartError when it fails."""
        self.start(name, command, environment, folder)
        code = self._started.pop(name).wait()
        self._forget(name)
        if code:
            raise StartError(f"{name} failed (exit code {code}); the last lines of its log:\n{self.tail(name)}")

    def check(self) -> None:
        """Raise StartError when a process has ended by itself."""
        for name, process in self._started.items():
            if (code := process.poll()) is not None:
                raise StartError(f"{name} ended (exit code {code}); the last lines of its log:\n{self.tail(name)}")

    def ended(self) -> list[str]:
        """Return the names of the processes that have ended by themselves."""
        return [name for name, process in list(self._started.items()) if process.poll() is not None]

    def end(self) -> None:
        """End the processes that this object started, and their descendants, such as workers of the scheduler."""
        killed = end_tree(*self._started.values(), grace_s=GRACE_S)
        for name, process in self._started.items():
            if process in killed:
                print(f"{name} did not end within {GRACE_S:.0f} s and was killed", file=sys.stderr)
            process.wait()
        self._started.clear()
        self._file.unlink(missing_ok=True)

    def end_one(self, name: str, *, grace_s: float = GRACE_S) -> None:
        """End one process that this object started, and its descendants; with a grace of 0 s by SIGKILL at once."""
        process = self._started.pop(name)
        end_tree(process, grace_s=grace_s)
        process.wait()
        self._forget(name)

    def pid(self, name: str) -> int:
        """Return the process id of a process that this object started."""
        return int(self._started[name].pid)

    def end_recorded(self) -> None:
        """End the processes in the file: the supervisor, which ends the others, then those that still run."""
        found = self.recorded()
        if (supervisor := found.pop(SUPERVISOR, None)) is not None and (process := supervisor.find()) is not None:
            end_tree(process, grace_s=GRACE_S + 40)
        end_tree(*filter(None, (recorded.find() for recorded in found.values())), grace_s=GRACE_S)
        self._file.unlink(missing_ok=True)

    def recorded(self) -> dict[str, ProcessId]:
        """Return the identities in the file."""
        raw = json.loads(self._file.read_text()) if self._file.exists() else {}
        return {name: ProcessId.from_json(value) for name, value in raw.items()}

    def tail(self, name: str, lines: int = 12) -> str:
        """Return the last lines of a log."""
        return "\n".join((self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])

    def _forget(self, name: str) -> None:
        with self._lock:
            self._record({key: value for key, value in self.recorded().items() if key != name})

    def _record(self, processes: Mapping[str, ProcessId]) -> None:
        temporary = self._file.with_suffix(".tmp")
        temporary.write_text(json.dumps({name: value.to_json() for name, value in processes.items()}))
        temporary.replace(self._file)
