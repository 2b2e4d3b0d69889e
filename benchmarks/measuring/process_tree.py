"""The processes below a process: CPU time and memory of each, and its role in Spark."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import psutil

BYTES_PER_MB = 1e6
JVM, DRIVER, WORKER, OTHER = "jvm", "spark driver python", "spark worker python", "other"
SIGCHLD_BIT = 1 << (signal.SIGCHLD - 1)


@dataclass(frozen=True)
class Sample:
    """The CPU time of a running process or a zombie at one moment.

    Attributes
    ----------
    process : psutil.Process
        The process. It is equal only to the process with the same pid and the same start time.
    parent : int
        pid of its parent.
    cpu_seconds : float
        User and system time of the process and of those of its children for which it has waited.
    """

    process: psutil.Process
    parent: int
    cpu_seconds: float


def descendants(root: psutil.Process) -> dict[int, Sample]:
    """Return a sample of each process below `root`, by pid."""
    samples = map(sample, root.children(recursive=True))
    return {found.process.pid: found for found in samples if found is not None}


def sample(process: psutil.Process) -> Sample | None:
    """Return a sample of a process, None when the process has ended."""
    try:
        parent = process.ppid()  # fails when another process has the pid now
        used = process.cpu_times()
    except psutil.Error:
        return None
    return Sample(process, parent, used.user + used.system + used.children_user + used.children_system)


def command_of(process: psutil.Process) -> list[str]:
    """Return the command line of a process, empty when the process has ended."""
    try:
        return [word for word in process.cmdline() if word]
    except psutil.Error:
        return []


def pss_mb(process: psutil.Process) -> float:
    """Return the proportional set size in MB, 0 when the process has ended.

    It is the private memory of the process and, of the memory that n processes share, an n-th.
    """
    try:
        return process.memory_full_info().pss / BYTES_PER_MB
    except psutil.Error:
        return 0.0


def status_of(process: psutil.Process) -> tuple[float, bool]:
    """Return the largest resident set of a process so far, in MB, and whether the process ignores SIGCHLD.

    psutil has neither of them.
    """
    try:
        status = Path(f"/proc/{process.pid}/status").read_bytes()
    except OSError:
        return 0.0, False
    largest, ignored = _field(status, b"VmHWM:"), _field(status, b"SigIgn:")
    return int(largest or b"0") * 1024 / BYTES_PER_MB, bool(int(ignored or b"0", 16) & SIGCHLD_BIT)


def roles(commands: Mapping[int, list[str]], parents: Mapping[int, int]) -> dict[int, str]:
    """Return the role of each process, by pid.

    Spark forks its workers from a process `pyspark.daemon`, whose own role is OTHER. Spark's driver is the Python
    process that a JVM started (`spark-submit`), or that started a JVM (`pyspark-shell`).

    Parameters
    ----------
    commands : mapping of int to list of str
        Command lines by pid.
    parents : mapping of int to int
        pid of the parent of each process.
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


def _field(status: bytes, name: bytes) -> bytes:
    """Return the first word after `name` at the beginning of a line, empty when there is no such line."""
    _, _, rest = status.partition(b"\n" + name)
    return rest.split(None, 1)[0] if rest else b""
