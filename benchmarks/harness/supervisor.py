"""The process between `benchmarks.harness.meter` and a command: parent of last resort of all that the command starts.

It reads what to run as JSON from its standard input and writes what it measured, as JSON, to its standard output. As a
child subreaper (prctl(2)) it inherits every process whose own parent is gone, and so gets the CPU time of all.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.harness.process_tree import (
    OTHER,
    Identity,
    Process,
    command_of,
    descendants,
    pss_mb,
    read,
    roles,
    status_of,
)

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
FIRST_LOOK_S = 0.1
#: Looking may take at most this share of the time: where it takes long, it happens less often.
LOOKING_SHARE = 0.02
#: Seconds between two looks at the CPU time of processes that nobody will wait for.
BRIEFLY_EVERY_S = 0.05
#: Seconds between two looks at the highest memory of the processes that are known: what is reached after the last
#: look at all of the tree would be missed.
HIGHEST_EVERY_S = 0.25
#: Seconds that what the command left running is given to end by itself, and then after SIGTERM.
ALONE_S, GRACE_S = 2.0, 5.0


class Tally:
    """What the tree below this process has used so far."""

    def __init__(self) -> None:
        self.began, self.started = time.time(), time.monotonic()
        self.series: list[tuple[float, float]] = []
        self.peak_mb = 0.0
        self._forgetful: set[Identity] = set()
        self._unaccounted = 0.0
        self._forgotten: dict[Identity, Process] = {}
        self._reaped: set[int] = set()
        self._roles: dict[Identity, str] = {}
        self._highest: dict[Identity, float] = {}
        self._known: list[Identity] = []

    def look(self) -> None:
        """Take a sample of the whole tree: CPU time and memory."""
        tree = self._settle()
        played = roles({pid: command_of(pid) for pid in tree}, {pid: process.parent for pid, process in tree.items()})
        for pid, process in tree.items():
            highest, forgetful = status_of(pid)
            self._highest[process.identity] = max(self._highest.get(process.identity, 0.0), highest)
            if self._roles.get(process.identity, OTHER) == OTHER:  # what has played a part once keeps it
                self._roles[process.identity] = played[pid]
            (self._forgetful.add if forgetful else self._forgetful.discard)(process.identity)
        self._forgotten = {
            process.identity: process
            for process in tree.values()
            if process.parent in tree and tree[process.parent].identity in self._forgetful
        }
        self._known = [process.identity for process in tree.values()]
        self.peak_mb = max(self.peak_mb, sum(map(pss_mb, tree)))

    def look_at_highest(self) -> None:
        """Note the highest memory that each process has had that the last look has found."""
        for identity in self._known:
            if (now := read(identity[0])) is not None and now.identity == identity:
                self._highest[identity] = max(self._highest[identity], status_of(now.pid)[0])

    def look_at_forgotten(self) -> None:
        """Note what the processes that nobody will wait for have used: their last words."""
        for identity, process in self._forgotten.items():
            if (now := read(process.pid)) is not None and now.identity == identity:
                self._forgotten[identity] = now

    def close(self) -> None:
        """The last sample, when the tree is empty."""
        self._settle()

    @property
    def forgetful(self) -> bool:
        """Whether there are processes that nobody will wait for."""
        return bool(self._forgotten)

    def reap(self, pid: int) -> int | None:
        """Take leave of `pid` (-1: of anyone who has ended); its exit code, None when there was nobody."""
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended:
            return None
        self._reaped.add(ended)
        return os.waitstatus_to_exitcode(status)

    def reap_others(self, command: int) -> bool:
        """Take leave of all that have ended, but of the command itself; False when no child is left at all."""
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return False
            if ended is None or ended.si_pid == command:
                return True
            self.reap(ended.si_pid)

    @property
    def cpu_seconds(self) -> float:
        """CPU time of all processes that have ended."""
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime + self._unaccounted

    def peak_by_role(self) -> dict[str, float]:
        """The largest resident set of a single process, MB, by role."""
        peaks: dict[str, float] = {}
        for identity, role in self._roles.items():
            peaks[role] = max(peaks.get(role, 0.0), self._highest[identity])
        return peaks

    def _settle(self) -> dict[int, Process]:
        """Sum up the CPU time so far; the tree.

        The children of a process that ignores SIGCHLD, as Ray's raylet does, leave no trace of their CPU time in that
        of their parent: what such a child was last seen to have used is added by hand when it is gone.
        """
        tree = descendants(os.getpid())
        seen = {process.identity for process in tree.values()}
        for identity, process in self._forgotten.items():
            if identity not in seen and process.pid not in self._reaped:
                self._unaccounted += process.cpu_seconds
        self._reaped.clear()
        self._forgotten = {}
        used = self.cpu_seconds + sum(process.cpu_seconds for process in tree.values())
        before = self.series[-1][1] if self.series else 0.0
        self.series.append((time.monotonic() - self.started, max(before, used)))
        return tree


def watch(tally: Tally, process: subprocess.Popen[bytes], interval: float, deadline: float) -> int | None:
    """Look on until the command has ended; its exit code, None when it did not end in time."""
    descriptor = os.pidfd_open(process.pid)
    ended = select.poll()
    ended.register(descriptor, select.POLLIN)
    next_look = tally.started + min(interval, FIRST_LOOK_S)
    next_highest = tally.started
    while True:
        pause = min(next_look, next_highest) - time.monotonic()
        if ended.poll(1000 * max(0.0, min(pause, BRIEFLY_EVERY_S) if tally.forgetful else pause)):
            break
        if (began := time.monotonic()) > deadline:
            return None
        if began < next_look:
            tally.look_at_forgotten()
        else:
            tally.look()
            now = time.monotonic()
            next_look = now + max(interval, (now - began) / LOOKING_SHARE)
        if began >= next_highest:
            tally.look_at_highest()
            next_highest = began + HIGHEST_EVERY_S
        tally.reap_others(process.pid)
    os.close(descriptor)
    return tally.reap(process.pid)


def end_leftovers(tally: Tally, patient: bool) -> list[str]:
    """Return when the tree is empty: what is left may end by itself, then is asked to, then is killed; its names.

    Only children of this process are sent a signal: until they are reaped, their pids are nobody else's. Their own
    children become ours when they are gone.
    """
    names: dict[int, str] = {}
    for number, grace in ((None, ALONE_S if patient else 0.0), (signal.SIGTERM, GRACE_S), (signal.SIGKILL, 60.0)):
        until = time.monotonic() + grace
        while tally.reap_others(0):
            tally.look_at_forgotten()
            if time.monotonic() > until:
                break
            for child in _children() if number else ():
                names.setdefault(child, " ".join(command_of(child)[:3]))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, number or 0)
            time.sleep(BRIEFLY_EVERY_S)
        else:
            return list(filter(None, names.values()))
    raise TimeoutError(f"still there 60 seconds after SIGKILL: {', '.join(names.values())}")


def _children() -> Iterator[int]:
    own = os.getpid()
    return (process.pid for process in descendants(own).values() if process.parent == own)


def main() -> None:
    """Run what standard input says, and report."""
    asked: dict[str, Any] = json.load(sys.stdin)
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((PR_SET_CHILD_SUBREAPER, 1), (PR_SET_PDEATHSIG, signal.SIGTERM)):
        if libc.prctl(option, value, 0, 0, 0):
            raise OSError(ctypes.get_errno(), f"prctl({option}): {os.strerror(ctypes.get_errno())}")
    signal.signal(signal.SIGTERM, _interrupted)
    with Path(asked["log"]).open("wb") as log, Path(asked["output"]).open("wb") as output:
        tally = Tally()
        process = subprocess.Popen(
            asked["command"], env=asked["env"], cwd=asked["cwd"], stdin=subprocess.DEVNULL, stdout=output, stderr=log
        )
    code: int | None = None
    try:
        code = watch(tally, process, asked["interval"], tally.started + asked["timeout"])
    finally:
        seconds = time.monotonic() - tally.started
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        process.returncode = code or 0  # it is reaped already, or about to be: nothing that Popen should wait for
        left = end_leftovers(tally, patient=code is not None)
    tally.close()
    own = resource.getrusage(resource.RUSAGE_SELF)
    report = {
        "code": code,
        "began": tally.began,
        "seconds": seconds,
        "cpu_seconds": tally.cpu_seconds,
        "peak_mb": tally.peak_mb,
        "peak_by_role": tally.peak_by_role(),
        "series": tally.series,
        "left": left,
        "meter_cpu_seconds": own.ru_utime + own.ru_stime,
    }
    print(json.dumps(report))


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
