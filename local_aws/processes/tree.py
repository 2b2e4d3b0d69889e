"""The one way to end a tree of processes: SIGTERM, wait, SIGKILL."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable

import psutil

from local_aws.processes.identity import is_running, running_processes

#: Pause between two looks at processes that are ending, s.
POLL_S = 0.05
#: A process that still runs so long after SIGKILL is an error, s.
KILL_TIMEOUT_S = 60.0


def end_tree(
    *roots: psutil.Process,
    grace_s: float,
    group: bool = False,
    tree: Callable[[], Iterable[psutil.Process]] | None = None,
    poll: Callable[[], bool] = lambda: False,
) -> list[psutil.Process]:
    """End processes and everything that they started.

    Send SIGTERM to all roots, which end their own children. Wait at most `grace_s` seconds until all roots have ended.
    Then send SIGKILL to the processes of the trees that still run, until none is left. A root may have ended before.

    Parameters
    ----------
    *roots : psutil.Process
        Processes to end, as objects that hold the start time: no signal reaches another process with the same pid.
    grace_s : float
        Seconds between SIGTERM and SIGKILL; 0 sends SIGKILL at once and no SIGTERM.
    group : bool
        Send SIGTERM to the process group of each root, as a terminal does, instead of to the root alone.
    tree : callable, optional
        Returns the processes that must end. By default these are the roots, their descendants, and the processes of
        the sessions that the roots lead. A child subreaper passes `descendants`.
    poll : callable, optional
        Is called while processes end, for example to reap children. True ends the grace period at once.

    Returns
    -------
    list of psutil.Process
        The processes that got SIGKILL.

    Raises
    ------
    TimeoutError
        When a process still runs KILL_TIMEOUT_S seconds after SIGKILL.
    """
    find = _Tree(roots).find if tree is None else tree
    find()
    if grace_s > 0:
        for root in roots:
            _terminate(root, group)
        deadline = time.monotonic() + grace_s
        while any(map(is_running, roots)) and not poll() and time.monotonic() < deadline:
            time.sleep(POLL_S)
    return _kill(find, poll)


def descendants() -> list[psutil.Process]:
    """Return the running processes below the calling process."""
    return [process for process in psutil.Process().children(recursive=True) if is_running(process)]


def _kill(find: Callable[[], Iterable[psutil.Process]], poll: Callable[[], bool]) -> list[psutil.Process]:
    killed: dict[psutil.Process, None] = {}
    deadline = time.monotonic() + KILL_TIMEOUT_S
    while left := list(find()):
        if time.monotonic() > deadline:
            pids = ", ".join(str(process.pid) for process in left)
            raise TimeoutError(f"processes {pids}: still running {KILL_TIMEOUT_S:.0f} s after SIGKILL")
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
                killed[process] = None
        poll()
        time.sleep(POLL_S / 5)
    poll()
    return list(killed)


def _terminate(process: psutil.Process, group: bool) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        if group and is_running(process):
            os.killpg(os.getpgid(process.pid), signal.SIGTERM)
        else:
            process.terminate()


class _Tree:
    """The processes below some roots. A process stays in the tree when its parent has ended."""

    def __init__(self, roots: Iterable[psutil.Process]) -> None:
        self._roots = list(roots)
        self._seen = set(self._roots)

    def find(self) -> list[psutil.Process]:
        """Return the processes of the tree that run now."""
        running = {process.pid: process for process in running_processes()}
        own = {process.pid for process in self._seen if running.get(process.pid) == process}
        own |= self._sessions(running)
        children: dict[int, list[int]] = {}
        for process in running.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                children.setdefault(process.ppid(), []).append(process.pid)
        ahead = list(own)
        while ahead:
            new = [pid for pid in children.get(ahead.pop(), []) if pid not in own]
            own.update(new)
            ahead += new
        self._seen.update(running[pid] for pid in own)
        return [running[pid] for pid in own]

    def _sessions(self, running: dict[int, psutil.Process]) -> set[int]:
        """Return the pids in the sessions of the roots. The kernel does not reuse the pid of a session with members."""
        leaders = {root.pid for root in self._roots if running.get(root.pid) in (root, None)}
        found = set()
        for pid in running:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getsid(pid) in leaders:
                    found.add(pid)
        return found
