"""Ends the processes that a measured command left running."""

from __future__ import annotations

import contextlib
import signal
import time

import psutil

from benchmarks.harness.process_tree import command_of
from benchmarks.harness.tally import Tally

ALONE_S, GRACE_S, KILL_S = 2.0, 5.0, 60.0
"""Seconds in which processes may end by themselves, end after SIGTERM, and must end after SIGKILL."""

POLL_S = 0.05


def end_leftovers(tally: Tally, patient: bool) -> list[str]:
    """End all processes below this one and return when there is none.

    They may end by themselves if `patient`. Then they get SIGTERM, then SIGKILL. Only children of this process get a
    signal: before this process waits for a child, no other process can have its pid. When a child has ended, its own
    children become children of this process.

    Returns
    -------
    list of str
        The beginnings of the command lines of the processes that got a signal.

    Raises
    ------
    TimeoutError
        A process is still running 60 seconds after SIGKILL.
    """
    names: dict[int, str] = {}
    for number, grace in ((None, ALONE_S if patient else 0.0), (signal.SIGTERM, GRACE_S), (signal.SIGKILL, KILL_S)):
        deadline = time.monotonic() + grace
        while tally.reap_others(0):
            tally.sample_unwaited()
            if time.monotonic() > deadline:
                break
            for child in psutil.Process().children() if number else ():
                names.setdefault(child.pid, " ".join(command_of(child)[:3]))
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.send_signal(number or 0)
            time.sleep(POLL_S)
        else:
            return list(filter(None, names.values()))
    raise TimeoutError(f"still running 60 seconds after SIGKILL: {', '.join(names.values())}")
