"""The processes of a stack: started with a log each, remembered by identity on disk, ended by it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from local_aws.processes.identity import ProcessId
from local_aws.processes.tree import end_tree

SUPERVISOR = "up"
#: Seconds between SIGTERM and SIGKILL. Airflow's scheduler lets its tasks end.
GRACE_S = 20.0


class StartError(Exception):
    """The stack cannot be started; the message says why and what to do."""


class Children:
    """The processes of the stack in `folder`, whose logs are `<folder>/logs/<name>.log`.

    They run in sessions of their own: Ctrl-C reaches only the process that supervises them, which ends them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self._file = folder / "processes.json"
        self._started: dict[str, psutil.Popen] = {}
        self._lock = threading.Lock()

    def claim(self) -> None:
        """Remember the calling process as the one that supervises.

        Raises StartError when another one does. What a killed one left is ended.
        """
        supervisor = self.recorded().get(SUPERVISOR)
        if supervisor is not None and supervisor.runs():
            raise StartError(f"{self.folder}: already up (process {supervisor.pid}); `make down` ends it")
        self.end_recorded()
        self.logs.mkdir(parents=True, exist_ok=True)
        me = ProcessId.of(os.getpid())
        assert me is not None  # noqa: S101
        self._record({SUPERVISOR: me})

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        """Start one, its output in its log."""
        with (self.logs / f"{name}.log").open("wb") as log:
            self._started[name] = started = psutil.Popen(
                list(command), env=dict(environment), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        if (identity := ProcessId.of(started.pid)) is not None:
            with self._lock:
                self._record({**self.recorded(), name: identity})

    def run(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        """Start one and wait for its end. Raises StartError when it fails."""
        self.start(name, command, environment, folder)
        code = self._started.pop(name).wait()
        self._forget(name)
        if code:
            raise StartError(f"{name} failed (exit code {code}); the last lines of its log:\n{self.tail(name)}")

    def check(self) -> None:
        """Raise StartError when one has ended by itself."""
        for name, process in self._started.items():
            if (code := process.poll()) is not None:
                raise StartError(f"{name} ended (exit code {code}); the last lines of its log:\n{self.tail(name)}")

    def end(self) -> None:
        """End all processes that this object started, and what they left running, such as workers of the scheduler."""
        killed = end_tree(*self._started.values(), grace_s=GRACE_S)
        for name, process in self._started.items():
            if process in killed:
                print(f"{name} did not end within {GRACE_S:.0f} s and was killed", file=sys.stderr)
            process.wait()
        self._started.clear()
        self._file.unlink(missing_ok=True)

    def end_recorded(self) -> None:
        """End the processes in the file: the supervisor, which ends the others, then those that still run."""
        found = self.recorded()
        if (supervisor := found.pop(SUPERVISOR, None)) is not None and (process := supervisor.find()) is not None:
            end_tree(process, grace_s=GRACE_S + 40)
        end_tree(*filter(None, (recorded.find() for recorded in found.values())), grace_s=GRACE_S)
        self._file.unlink(missing_ok=True)

    def recorded(self) -> dict[str, ProcessId]:
        """What the file names."""
        raw = json.loads(self._file.read_text()) if self._file.exists() else {}
        return {name: ProcessId.from_json(value) for name, value in raw.items()}

    def tail(self, name: str, lines: int = 12) -> str:
        """The last lines of a log."""
        return "\n".join((self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])

    def _forget(self, name: str) -> None:
        with self._lock:
            self._record({key: value for key, value in self.recorded().items() if key != name})

    def _record(self, processes: Mapping[str, ProcessId]) -> None:
        temporary = self._file.with_suffix(".tmp")
        temporary.write_text(json.dumps({name: value.to_json() for name, value in processes.items()}))
        temporary.replace(self._file)
