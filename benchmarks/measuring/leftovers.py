"""Ends the processes that a measured command left running."""

from __future__ import annotations

import time

import psutil

from benchmarks.measuring.process_tree import command_of
from benchmarks.measuring.tally import Tally
from local_aws.processes.tree import descendants, end_tree

ALONE_S, GRACE_S = 2.0, 5.0
"""Seconds in which processes may end by themselves, and in which they may end after SIGTERM."""

POLL_S = 0.05


def end_leftovers(tally: Tally, patient: bool) -> list[str]:
    """End all processes below this one, wait for them, and return when there is none.

    They may end by themselves if `patient`. The children of this process then get SIGTERM, and whatever runs later gets
    SIGKILL. This process waits for a child only after its end: until then no other process can have its pid.

    Returns
    -------
    list of str
        The beginnings of the command lines of the processes that got a signal.

    Raises
    ------
    TimeoutError
        A process still runs long after SIGKILL.
    """
    names: dict[psutil.Process, str] = {}

    def note(processes: list[psutil.Process]) -> list[psutil.Process]:
        for process in processes:
            names.setdefault(process, " ".join(command_of(process)[:3]))
        return processes

    def reap() -> bool:
        tally.sample_unwaited()
        return not tally.reap_others(0)

    deadline = time.monotonic() + (ALONE_S if patient else 0.0)
    while not (ended := reap()) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    if not ended:
        children = note(psutil.Process().children())
        end_tree(*children, grace_s=GRACE_S, tree=lambda: note(descendants()), poll=reap)
        while not reap():
            time.sleep(POLL_S)
    return list(filter(None, names.values()))
