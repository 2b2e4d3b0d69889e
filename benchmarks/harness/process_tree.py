"""A tree of processes as /proc shows it: who descends from whom, what each has used, what part it plays in Spark."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

TICKS = os.sysconf("SC_CLK_TCK")
KIB_PER_MB = 1e6 / 1024
JVM, DRIVER, WORKER, OTHER = "jvm", "spark driver python", "spark worker python", "other"
Identity = tuple[int, int]
SIGCHLD_BIT = 1 << (signal.SIGCHLD - 1)


@dataclass(frozen=True)
class Process:
    """A living process or a zombie. `cpu_seconds` are its own and those of its children that it has waited for."""

    pid: int
    parent: int
    started: int
    cpu_seconds: float

    @property
    def identity(self) -> Identity:
        """What no other process has, even when the pid is used again."""
        return self.pid, self.started


def descendants(root: int) -> dict[int, Process]:
    """All processes below `root`, by pid."""
    names = os.listdir("/proc")  # noqa: PTH208 - to make a Path of each would cost more than to read it
    everybody = {process.pid: process for process in map(read, filter(str.isdecimal, names)) if process}
    children: dict[int, list[int]] = {}
    for process in everybody.values():
        children.setdefault(process.parent, []).append(process.pid)
    found, ahead = {}, list(children.get(root, []))
    while ahead:
        pid = ahead.pop()
        found[pid] = everybody[pid]
        ahead += children.get(pid, [])
    return found


def read(pid: int | str) -> Process | None:
    """The process; None when it is gone."""
    fields = _content(pid, "stat").rpartition(b")")[2].split()
    return Process(int(pid), int(fields[1]), int(fields[19]), sum(map(int, fields[11:15])) / TICKS) if fields else None


def command_of(pid: int) -> list[str]:
    """Its command line; empty when it is gone."""
    return [word.decode(errors="replace") for word in _content(pid, "cmdline").split(b"\0") if word]


def pss_mb(pid: int) -> float:
    """Its proportional set size: private memory, and of what it shares with n others an n-th; 0 when it is gone."""
    return _kib(_content(pid, "smaps_rollup"), b"Pss:") / KIB_PER_MB


def status_of(pid: int) -> tuple[float, bool]:
    """The largest resident set that it ever had, MB, and whether it ignores the end of its children."""
    status = _content(pid, "status")
    _, _, ignored = status.partition(b"\nSigIgn:")
    return _kib(status, b"VmHWM:") / KIB_PER_MB, bool(
        int(ignored.split(None, 1)[0], 16) & SIGCHLD_BIT if ignored else 0
    )


def roles(commands: Mapping[int, list[str]], parents: Mapping[int, int]) -> dict[int, str]:
    """The part that each process plays, by pid.

    Spark forks its workers from a process `pyspark.daemon`, which itself counts as `other`. Its driver is the Python
    that a JVM was asked to run (`spark-submit`), or that launched a JVM for itself (`pyspark-shell`).
    """
    launchers = {parents[pid] for pid, words in commands.items() if _is_jvm(words) and "pyspark-shell" in words}

    def role(pid: int, words: list[str]) -> str:
        above = commands.get(parents[pid], [])
        if _is_jvm(words):
            return JVM
        if "pyspark.daemon" in words:
            return WORKER if "pyspark.daemon" in above else OTHER
        drives = _program(words).startswith("python") and (pid in launchers or _is_jvm(above))
        return DRIVER if drives else OTHER

    return {pid: role(pid, words) for pid, words in commands.items()}


def _is_jvm(words: list[str]) -> bool:
    return _program(words) == "java"


def _program(words: list[str]) -> str:
    return PurePosixPath(words[0]).name if words else ""


def _kib(text: bytes, name: bytes) -> int:
    _, _, rest = text.partition(name)
    return int(rest.split(None, 1)[0]) if rest else 0


def _content(pid: int | str, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:  # noqa: PTH123 - as above
            return file.read() or b""
    except OSError:
        return b""
