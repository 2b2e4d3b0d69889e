"""Processes by identity: a pid together with its start time, so that a recycled pid is never taken for ours."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

#: Set in the environment of every process of a cluster; what carries it belongs to that cluster.
MARKER = "VERGER_LOCAL_CLUSTER"


@dataclass(frozen=True)
class ProcessId:
    """A process that we started: `started` is the kernel's start time, in whatever form the system gives it."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """The identity of a living process, None when there is none with this pid."""
        started = _start_time(pid)
        return None if started is None else cls(pid, started)

    def alive(self) -> bool:
        """True while this very process runs (a zombie does not)."""
        return _start_time(self.pid) == self.started

    def end(self, grace_s: float) -> None:
        """SIGTERM, then SIGKILL after `grace_s` seconds; returns when the process is gone."""
        for number, patience in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 10.0)):
            deadline = time.monotonic() + patience
            if self.alive():
                os.kill(self.pid, number)
            while self.alive():
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
            else:
                return
        raise TimeoutError(f"process {self.pid} is still there 10 seconds after SIGKILL")


def kill_marked(value: str) -> list[int]:
    """SIGKILL every process whose environment says that it belongs to cluster `value`; returns their pids.

    The second net under the shepherd: it finds processes even after the shepherd itself was killed. Linux only;
    elsewhere it finds nothing.
    """
    killed: list[int] = []
    for pid in marked(value):
        try:
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        except ProcessLookupError:
            pass
    return killed


def marked(value: str) -> list[int]:
    """Living processes that carry `MARKER=value` in their environment."""
    needle = f"{MARKER}={value}".encode()
    found: list[int] = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        pid = int(environ.parent.name)
        try:
            if needle in environ.read_bytes().split(b"\0") and _start_time(pid) is not None:
                found.append(pid)
        except OSError:
            continue
    return found


def _start_time(pid: int) -> str | None:
    """Start time of a living process, None for a zombie or when there is no such process."""
    if Path("/proc/self/stat").exists():
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return None
        return None if fields[0] in (b"Z", b"X") else fields[19].decode()
    answer = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not state or state.startswith("Z") else started.strip()
