"""The process between `benchmarks.measuring.meter` and a command: the subreaper of all processes of the command.

It reads the command as JSON from standard input and writes the figures as JSON to standard output. As a child subreaper
(prctl(2)) it becomes the parent of every process whose own parent has ended. So it can wait for all of them, and the
kernel adds the CPU time of each to that of its children.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.measuring.leftovers import end_leftovers
from benchmarks.measuring.tally import Tally

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
FIRST_SAMPLE_S = 0.1
SAMPLING_SHARE = 0.02
"""Sampling takes at most this share of the time: where a sample takes long, samples are less frequent."""

UNWAITED_EVERY_S = 0.05
"""Seconds between two samples of the CPU time of processes for which no process waits."""

PEAKS_EVERY_S = 0.25
"""Seconds between two samples of the peak memory of known processes: a peak after the last full sample counts too."""


def watch(tally: Tally, process: subprocess.Popen[bytes], interval: float, deadline: float) -> int | None:
    """Take samples until the command ends, and return its exit code, None when it did not end before the deadline."""
    descriptor = os.pidfd_open(process.pid)
    ended = select.poll()
    ended.register(descriptor, select.POLLIN)
    next_sample = tally.started + min(interval, FIRST_SAMPLE_S)
    next_peaks = tally.started
    while True:
        pause = min(next_sample, next_peaks) - time.monotonic()
        if ended.poll(1000 * max(0.0, min(pause, UNWAITED_EVERY_S) if tally.has_unwaited else pause)):
            break
        if (began := time.monotonic()) > deadline:
            return None
        if began < next_sample:
            tally.sample_unwaited()
        else:
            tally.sample_tree()
            now = time.monotonic()
            next_sample = now + max(interval, (now - began) / SAMPLING_SHARE)
        if began >= next_peaks:
            tally.sample_peaks()
            next_peaks = began + PEAKS_EVERY_S
        tally.reap_others(process.pid)
    os.close(descriptor)
    return tally.reap(process.pid)


def main() -> None:
    """Run the command of standard input and report its figures."""
    request: dict[str, Any] = json.load(sys.stdin)
    _become_subreaper()
    signal.signal(signal.SIGTERM, _interrupted)
    with Path(request["log"]).open("wb") as log, Path(request["output"]).open("wb") as output:
        tally = Tally()
        process = subprocess.Popen(
            request["command"], env=request["env"], cwd=request["cwd"], stdin=subprocess.DEVNULL, stdout=output,
            stderr=log,
        )  # fmt: skip
    code: int | None = None
    try:
        code = watch(tally, process, request["interval"], tally.started + request["timeout"])
    finally:
        seconds = time.monotonic() - tally.started
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        process.returncode = code or 0  # the tally waits for the process: Popen must not
        leftovers = end_leftovers(tally, patient=code is not None)
    tally.close()
    print(json.dumps(_report(tally, code, seconds, leftovers)))


def _become_subreaper() -> None:
    """Become the parent of orphaned descendants, and get SIGTERM when the meter ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((PR_SET_CHILD_SUBREAPER, 1), (PR_SET_PDEATHSIG, signal.SIGTERM)):
        if libc.prctl(option, value, 0, 0, 0):
            raise OSError(ctypes.get_errno(), f"prctl({option}): {os.strerror(ctypes.get_errno())}")


def _report(tally: Tally, code: int | None, seconds: float, leftovers: list[str]) -> dict[str, Any]:
    return {
        "code": code,
        "began": tally.began,
        "seconds": seconds,
        "cpu_seconds": tally.cpu_seconds,
        "peak_mb": tally.peak_mb,
        "peak_by_role": tally.peak_by_role(),
        "series": tally.series,
        "leftovers": leftovers,
        "meter_cpu_seconds": time.process_time(),
    }


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
