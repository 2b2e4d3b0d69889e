"""Identity of a process: its pid together with its start time, because the kernel reuses pids."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass
from typing import Any

import psutil

#: Start times that differ by less are equal, s. The kernel counts them in hundredths of a second.
TOLERANCE_S = 0.02


@dataclass(frozen=True)
class ProcessId:
    """The identity of a process, for a program that finds it later.

    Attributes
    ----------
    pid : int
        Process id.
    started : float
        Start of the process in seconds after the boot of the machine. A change of the system clock does not affect it.
    """

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> ProcessId | None:
        """Return the identity of a running process, None when no process with this pid runs."""
        try:
            process = psutil.Process(pid)
            return cls(pid, _start_of(process)) if is_running(process) else None
        except psutil.NoSuchProcess:
            return None

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ProcessId:
        """Return the identity that `to_json` has written."""
        return cls(int(value["pid"]), float(value["started"]))

    def to_json(self) -> dict[str, Any]:
        """Return the identity as a JSON object."""
        return asdict(self)

    def find(self) -> psutil.Process | None:
        """Return the process, None when it has ended or when its pid belongs to another process."""
        try:
            process = psutil.Process(self.pid)
            same = abs(_start_of(process) - self.started) < TOLERANCE_S
            return process if same and is_running(process) else None
        except psutil.NoSuchProcess:
            return None

    def runs(self) -> bool:
        """Return True while this process runs. A zombie does not run."""
        return self.find() is not None


def is_running(process: psutil.Process) -> bool:
    """Return True while a process runs. A zombie does not run.

    After SIGKILL the main thread may be a zombie while other threads still hold ports and files: such a process runs.
    """
    try:
        ended = process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) and process.num_threads() <= 1
        return bool(process.is_running() and not ended)
    except psutil.NoSuchProcess:
        return False


def running_processes() -> list[psutil.Process]:
    """Return all running processes of this machine.

    `psutil.process_iter` keeps Process objects between calls: it skips a process that has got the pid of an ended one.
    """
    found = []
    for pid in psutil.pids():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process = psutil.Process(pid)
            if is_running(process):
                found.append(process)
    return found


def _start_of(process: psutil.Process) -> float:
    return round(float(process.create_time() - psutil.boot_time()), 2)
