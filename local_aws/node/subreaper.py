"""Run one command and end everything that it started. Executed as a script by a bare interpreter.

Usage: `python shepherd.py COMMAND [ARG ...]` with a pipe on standard input. One byte on the pipe asks for an end: `T`
sends SIGTERM to the command's process group and SIGKILL to whatever is left after GRACE_S seconds, `K` sends SIGKILL at
once. End of file means that the server died, and counts as `K`: so no process outlives the server.

The shepherd is the *subreaper* of the command (Linux): a descendant that left the process group, as Spark's Python
daemon does, is re-parented to the shepherd and not to init, and ends with the rest. When the command itself ends, what
it left behind is killed. The exit code is the command's own; 128 + n after signal n; 127 when it cannot be started.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

GRACE_S = 8.0
PR_SET_CHILD_SUBREAPER = 36
#: Standard input, the pipe of the orders.
ORDERS = 0


def main() -> int:
    """Start the command in its own session, wait for it or for an order, and leave nothing behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # The server blocks the signals that it waits for, and its children inherit that.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    wakeup_read, wakeup_write = os.pipe()
    os.set_blocking(wakeup_write, False)
    signal.set_wakeup_fd(wakeup_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", file=sys.stderr)
        return 127
    deadline: float | None = None
    ordered = False
    while (code := child.poll()) is None:
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        listen = [wakeup_read] if ordered and deadline is None else [wakeup_read, ORDERS]
        readable, _, _ = select.select(listen, [], [], timeout)
        if ORDERS in readable:
            order = os.read(ORDERS, 1)
            if order == b"T":
                _signal_group(child.pid, signal.SIGTERM)
                deadline = time.monotonic() + GRACE_S
            else:
                ordered, deadline = True, None
                _kill_all(child.pid)
        elif deadline is not None and time.monotonic() >= deadline:
            ordered, deadline = True, None
            _kill_all(child.pid)
        if wakeup_read in readable:
            # A SIGTERM to the shepherd itself is an order to end; a SIGCHLD is what poll() looks for.
            if signal.SIGTERM in os.read(wakeup_read, 512):
                _kill_all(child.pid)
            _reap_adopted(child.pid)
    _kill_all(child.pid)
    return code if code >= 0 else 128 - code


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _kill_all(group: int) -> None:
    """SIGKILL the process group, then every descendant, until none is left."""
    _signal_group(group, signal.SIGKILL)
    while descendants := _descendants(os.getpid()):
        for pid in descendants:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _reap_adopted(group)
        time.sleep(0.01)


def _reap_adopted(child: int) -> None:
    """Collect ended descendants that were re-parented to us; the command itself is left to Popen."""
    for pid in _children().get(os.getpid(), []):
        if pid != child:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)


def _descendants(root: int) -> list[int]:
    """Living processes below `root`; zombies do not count."""
    children = _children(alive_only=True)
    found: list[int] = []
    queue = list(children.get(root, []))
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue.extend(children.get(pid, []))
    return found


def _children(alive_only: bool = False) -> dict[int, list[int]]:
    """Parent pid to child pids, from /proc; empty where there is no /proc (the process group must do there)."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if alive_only and fields[0] in (b"Z", b"X"):
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    return children


if __name__ == "__main__":
    sys.exit(main())
