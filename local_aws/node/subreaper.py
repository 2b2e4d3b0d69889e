"""Run one command and end everything that it started.

Usage: ``python -I subreaper.py COMMAND [ARG ...]`` with a pipe on standard input. The EMR server writes one byte to the
pipe to end the command. ``T`` sends SIGTERM to the process group of the command, and after GRACE_S seconds SIGKILL to
the processes that still run. ``K`` sends SIGKILL at once. The end of the pipe means that the EMR server has ended, and
has the effect of ``K``.

The program is a *child subreaper* (prctl(2), Linux): a descendant that left the process group, as Spark's Python daemon
does, becomes a child of this program when its own parent ends, and not a child of init. When the command ends by
itself, the processes that it left running get SIGKILL.

The exit code is the exit code of the command, 128 + n after signal n, and 127 when the command cannot be started.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import psutil

sys.path.insert(
    0, str(Path(__file__).resolve().parents[2])
)  # a script without PYTHONPATH: the command would inherit it

from local_aws.processes.tree import descendants, end_tree

GRACE_S = 8.0
PR_SET_CHILD_SUBREAPER = 36
#: Standard input, the pipe of the orders.
ORDERS = 0
TERMINATE = b"T"


class Subreaper:
    """One command, and the orders that end it."""

    def __init__(self, command: list[str]) -> None:
        self._signals, written = os.pipe()
        for end in (self._signals, written):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(written)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)  # the number is read from the pipe
        self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def run(self) -> int:
        """Wait for the end of the command or for an order, end everything, and return the exit code."""
        root = psutil.Process(self._child.pid)
        grace_s = self._wait()
        end_tree(root, grace_s=grace_s, group=True, tree=descendants, poll=self._reap_until_killed)
        code = self._child.wait()
        return code if code >= 0 else 128 - code

    def _wait(self) -> float:
        """Return the grace period of the order that came, 0 when the command has ended."""
        while self._child.poll() is None:
            readable, _, _ = select.select([self._signals, ORDERS], [], [])
            if ORDERS in readable:
                return GRACE_S if os.read(ORDERS, 1) == TERMINATE else 0.0
            if self._signalled():
                return 0.0
            self._reap()
        return 0.0

    def _reap_until_killed(self) -> bool:
        """Collect ended children; return True when an order or a SIGTERM ends the grace period."""
        self._child.poll()
        self._reap()
        readable, _, _ = select.select([ORDERS], [], [], 0)
        return self._signalled() or (bool(readable) and os.read(ORDERS, 1) != TERMINATE)

    def _signalled(self) -> bool:
        """Return True when this program itself got SIGTERM."""
        try:
            return signal.SIGTERM in os.read(self._signals, 512)
        except BlockingIOError:
            return False

    def _reap(self) -> None:
        """Collect ended processes that became children of this program. Popen collects the command."""
        for process in psutil.Process().children():
            if process.pid != self._child.pid:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(process.pid, os.WNOHANG)


def main() -> int:
    """Run the command of the command line; return its exit code."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # The EMR server blocks the signals that it waits for, and its children inherit that.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        subreaper = Subreaper(sys.argv[1:])
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", file=sys.stderr)
        return 127
    return subreaper.run()


if __name__ == "__main__":
    sys.exit(main())
