"""Runs a command and measures all its processes: time, CPU time, memory. Linux only.

All processes that the command starts are measured: those whose parent ends first, those that are killed, and daemons,
which are ended with the command. `benchmarks.measuring.supervisor`, one process for each command, does this.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.places import ROOT

SAMPLES_EVERY_S = 0.5
TIMEOUT_S = 4 * 3600.0
SHOWN_LINES = 15


class CommandFailed(RuntimeError):
    """The command failed or did not end in time. The message has the last lines of its log."""


@dataclass(frozen=True)
class Measured:
    """What the processes of a command used. MB are 10⁶ bytes.

    Attributes
    ----------
    began : float
        Start of the command, seconds since the epoch.
    seconds : float
        Seconds until the command itself ended.
    cpu_seconds : float
        User and system time of all its processes.
    peak_mb : float
        Largest sum of PSS over all processes at one moment. Memory that several processes share counts once.
    peak_by_role : dict of str to float
        For each of "jvm", "spark driver python", "spark worker python" and "other", the largest resident set of a
        single process, in MB.
    series : list of (float, float)
        Samples: seconds since the start, CPU seconds until then.
    leftovers : list of str
        Processes that still ran when the command had ended, and that were ended.
    output : str
        Standard output of the command.
    meter_cpu_seconds : float
        CPU time of the meter. No other figure includes it.
    """

    began: float
    seconds: float
    cpu_seconds: float
    peak_mb: float
    peak_by_role: dict[str, float]
    series: list[tuple[float, float]]
    leftovers: list[str]
    output: str
    meter_cpu_seconds: float

    def cpu_between(self, start: float, stop: float) -> float:
        """Return the CPU seconds used from `start` to `stop`, both in seconds after the start of the command."""
        series = np.array([(0.0, 0.0), *self.series])
        before, after = np.interp([start, stop], series[:, 0], series[:, 1])
        return float(after - before)

    @property
    def result(self) -> Any:
        """The last line of `output`, parsed as JSON."""
        return json.loads(self.output.strip().splitlines()[-1])


def run(
    command: Sequence[str | Path],
    env: Mapping[str, str],
    *,
    cwd: Path,
    log: Path,
    interval: float = SAMPLES_EVERY_S,
    timeout: float = TIMEOUT_S,
) -> Measured:
    """Run a command to its end and return its figures.

    Parameters
    ----------
    command : sequence of str or Path
        Program and arguments.
    env : mapping of str to str
        The complete environment of the command.
    cwd : Path
        Working directory.
    log : Path
        File for standard error. Standard output goes to `<log>.out`.
    interval : float, optional
        Seconds between two samples of all processes.
    timeout : float, optional
        Seconds after which the command is ended.

    Raises
    ------
    CommandFailed
        The exit code is not 0, or the command did not end within `timeout` seconds and was ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    output = log.with_name(log.name + ".out")
    request: dict[str, Any] = {
        "command": list(map(str, command)), "env": dict(env), "cwd": str(cwd.resolve()), "log": str(log.resolve()),
        "output": str(output.resolve()), "interval": interval, "timeout": timeout,
    }  # fmt: skip
    report = _supervised(json.dumps(request))
    if (code := report.pop("code")) != 0:
        ended = f"did not end within {timeout:.0f} s" if code is None else f"ended with exit code {code}"
        raise CommandFailed(
            f"{request['command'][:4]} {ended}; the last lines of {log}:\n{_tail(log) or _tail(output)}"
        )
    series = [(seconds, used) for seconds, used in report.pop("series")]
    return Measured(**report, series=series, output=output.read_text(errors="replace"))


def _supervised(request: str) -> dict[str, Any]:
    """Return the report of the supervisor, which ends all processes also when this process is interrupted."""
    command = [sys.executable, "-m", "benchmarks.measuring.supervisor"]
    pipe = subprocess.PIPE
    # In its own session: Ctrl-C reaches this process only, which then ends the supervisor.
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, start_new_session=True) as supervisor:
        try:
            answer, _ = supervisor.communicate(request)
        except BaseException:
            supervisor.terminate()
            raise
    if supervisor.returncode:
        raise CommandFailed(f"the meter itself ended with exit code {supervisor.returncode}")
    report: dict[str, Any] = json.loads(answer)
    return report


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-SHOWN_LINES:])
