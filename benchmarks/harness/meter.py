"""Runs a command to its end and measures the whole tree of processes that it becomes: time, CPU time, memory.

Nothing that the command starts escapes: not what outlives its parent, not what is killed, not a daemon, which is ended
with the command. How that is done: `benchmarks.harness.supervisor`, a process of its own for every command. Linux only.
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

ROOT = Path(__file__).resolve().parents[2]
SAMPLES_EVERY_S = 0.5
TIMEOUT_S = 4 * 3600.0
SHOWN_LINES = 15


class CommandFailed(RuntimeError):
    """The command ended with an exit code other than 0, or not in time; the message has the last lines of its log."""


@dataclass(frozen=True)
class Measured:
    """What a tree of processes has used.

    `began`, seconds since the epoch; `seconds` until the command itself ended; `cpu_seconds`, user and system, of all
    its processes together. `peak_mb` is the largest sum of PSS over the tree, as sampled, so that memory shared by
    several processes counts once.
    `peak_by_role` has, for each of "jvm", "spark driver python", "spark worker python" and "other", the largest
    resident set of a single process. `series` are (seconds since the start, CPU seconds so far), as sampled. `left`
    names what had to be ended after the command. `output` is what the command wrote to standard output.
    `meter_cpu_seconds` are the meter's own, and part of no other figure. MB are 10⁶ bytes.
    """

    began: float
    seconds: float
    cpu_seconds: float
    peak_mb: float
    peak_by_role: dict[str, float]
    series: list[tuple[float, float]]
    left: list[str]
    output: str
    meter_cpu_seconds: float

    def cpu_between(self, start: float, stop: float) -> float:
        """CPU seconds used from `start` to `stop`, both in seconds after the beginning."""
        series = np.array([(0.0, 0.0), *self.series])
        before, after = np.interp([start, stop], series[:, 0], series[:, 1])
        return float(after - before)

    @property
    def result(self) -> Any:
        """The last line of `output`, read as JSON."""
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
    """Run `command` in the environment `env` (all of it), standard error to `log`, standard output to `<log>.out`.

    Raises
    ------
    CommandFailed
        The exit code is not 0, or the command did not end within `timeout` seconds and was ended.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    output = log.with_name(log.name + ".out")
    asked: dict[str, Any] = {
        "command": list(map(str, command)), "env": dict(env), "cwd": str(cwd.resolve()), "log": str(log.resolve()),
        "output": str(output.resolve()), "interval": interval, "timeout": timeout,
    }  # fmt: skip
    report = _supervised(json.dumps(asked))
    if (code := report.pop("code")) != 0:
        ended = f"did not end within {timeout:.0f} s" if code is None else f"ended with exit code {code}"
        raise CommandFailed(f"{asked['command'][:4]} {ended}; the last lines of {log}:\n{_tail(log) or _tail(output)}")
    series = [(seconds, used) for seconds, used in report.pop("series")]
    return Measured(**report, series=series, output=output.read_text(errors="replace"))


def _supervised(asked: str) -> dict[str, Any]:
    """What the supervisor reports. It ends what it started also when this process is interrupted."""
    command = [sys.executable, "-m", "benchmarks.harness.supervisor"]
    pipe = subprocess.PIPE
    # In a session of its own, so that Ctrl-C reaches it through us alone.
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, start_new_session=True) as supervisor:
        try:
            answer, _ = supervisor.communicate(asked)
        except BaseException:
            supervisor.terminate()
            raise
    if supervisor.returncode:
        raise CommandFailed(f"the meter itself ended with exit code {supervisor.returncode}")
    report: dict[str, Any] = json.loads(answer)
    return report


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-SHOWN_LINES:])
