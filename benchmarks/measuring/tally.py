"""CPU time and memory of all processes below this one, summed up from samples."""

from __future__ import annotations

import os
import resource
import time

import psutil

from benchmarks.measuring.process_tree import OTHER, Sample, command_of, descendants, pss_mb, roles, sample, status_of


class Tally:
    """The CPU time and the memory that the processes below this one have used so far.

    Attributes
    ----------
    began : float
        Creation of the tally, seconds since the epoch.
    started : float
        The same on the monotonic clock.
    series : list of (float, float)
        Seconds since the start and CPU seconds until then.
    peak_mb : float
        Largest sum of PSS over the tree.
    """

    def __init__(self) -> None:
        self.began, self.started = time.time(), time.monotonic()
        self.series: list[tuple[float, float]] = []
        self.peak_mb = 0.0
        self._ignore_sigchld: set[psutil.Process] = set()
        self._unwaited: dict[psutil.Process, Sample] = {}
        self._unwaited_seconds = 0.0
        self._reaped: set[int] = set()
        self._roles: dict[psutil.Process, str] = {}
        self._peaks: dict[psutil.Process, float] = {}
        self._known: list[psutil.Process] = []

    def sample_tree(self) -> None:
        """Take a sample of the whole tree: CPU time and memory."""
        tree = self._sum_up()
        commands = {pid: command_of(found.process) for pid, found in tree.items()}
        role_of = roles(commands, {pid: found.parent for pid, found in tree.items()})
        for pid, found in tree.items():
            process = found.process
            peak, ignores = status_of(process)
            self._peaks[process] = max(self._peaks.get(process, 0.0), peak)
            if self._roles.get(process, OTHER) == OTHER:  # a process keeps its first role
                self._roles[process] = role_of[pid]
            (self._ignore_sigchld.add if ignores else self._ignore_sigchld.discard)(process)
        self._unwaited = {
            found.process: found
            for found in tree.values()
            if found.parent in tree and tree[found.parent].process in self._ignore_sigchld
        }
        self._known = [found.process for found in tree.values()]
        self.peak_mb = max(self.peak_mb, sum(map(pss_mb, self._known)))

    def sample_peaks(self) -> None:
        """Update the peak memory of each process of the last full sample."""
        for process in self._known:
            if sample(process) is not None:
                self._peaks[process] = max(self._peaks[process], status_of(process)[0])

    def sample_unwaited(self) -> None:
        """Update the CPU time of the processes for which no process will wait."""
        for process in self._unwaited:
            if (found := sample(process)) is not None:
                self._unwaited[process] = found

    def close(self) -> None:
        """Add the last entry of the series. The tree is empty."""
        self._sum_up()

    @property
    def has_unwaited(self) -> bool:
        """Whether there are processes for which no process will wait."""
        return bool(self._unwaited)

    def reap(self, pid: int) -> int | None:
        """Wait for a child that has ended, and return its exit code, None when it has not ended.

        The pid -1 stands for any child.
        """
        ended, status = os.waitpid(pid, os.WNOHANG)
        if not ended:
            return None
        self._reaped.add(ended)
        return os.waitstatus_to_exitcode(status)

    def reap_others(self, command: int) -> bool:
        """Wait for all children that have ended, but not for the process `command`.

        Returns
        -------
        bool
            False when there is no child left.
        """
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
        return used.ru_utime + used.ru_stime + self._unwaited_seconds

    def peak_by_role(self) -> dict[str, float]:
        """Return the largest resident set of a single process in MB, by role."""
        peaks: dict[str, float] = {}
        for process, role in self._roles.items():
            peaks[role] = max(peaks.get(role, 0.0), self._peaks[process])
        return peaks

    def _sum_up(self) -> dict[int, Sample]:
        """Add the CPU time so far to the series and return the tree.

        The parent of a process may ignore SIGCHLD, as Ray's raylet does. Then the kernel does not add the CPU time of
        the process to that of its parent when the process ends. The last sample of such a process is added here.
        """
        tree = descendants(psutil.Process())
        running = {found.process for found in tree.values()}
        for process, found in self._unwaited.items():
            if process not in running and process.pid not in self._reaped:
                self._unwaited_seconds += found.cpu_seconds
        self._reaped.clear()
        self._unwaited = {}
        used = self.cpu_seconds + sum(found.cpu_seconds for found in tree.values())
        before = self.series[-1][1] if self.series else 0.0
        self.series.append((time.monotonic() - self.started, max(before, used)))
        return tree
