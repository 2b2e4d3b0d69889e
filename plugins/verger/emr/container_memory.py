"""Explains that a container of YARN used too much memory, and names what to raise."""

from __future__ import annotations

import re

from verger.settings import Cluster
from verger.settings.container_sizes import MASTER_MIB

EXECUTOR = re.compile(
    r"Container killed by YARN for exceeding (?:physical|virtual) memory limits\. (?P<used>[\d.]+ \w?B) of "
    r"(?P<limit>[\d.]+ \w?B)"
)
"""What Spark writes about an executor that the monitor of the NodeManager has killed."""

MASTER = re.compile(
    r"AM Container for appattempt.*beyond the '\w+' memory limit\. Current usage: (?P<used>[\d.]+ \w?B) of "
    r"(?P<limit>[\d.]+ \w?B)",
    re.DOTALL,
)
"""What YARN writes about an application whose application master it has killed."""

SIGNAL_9 = re.compile(r"ExecutorLostFailure .*Exit status: 137\b", re.DOTALL)
"""What Spark writes about an executor that got SIGKILL, for example because cgroups enforce the size of containers."""


def explanation(error: str, options: Cluster) -> str:
    """Return what was killed, its limit, and what to raise; empty for any other error.

    Parameters
    ----------
    error : str
        The error in the log of the step.
    options : Cluster
        The sizes of the executors.
    """
    size = options.executor_heap_mib + options.executor_overhead_mib
    what_to_raise = (
        f"an executor has {size:,} MiB, {options.executor_heap_mib:,} for the heap (VERGER_EXECUTOR_HEAP_MIB) and "
        f"{options.executor_overhead_mib:,} for Python (VERGER_EXECUTOR_OVERHEAD_MIB); raise "
        "VERGER_EXECUTOR_OVERHEAD_MIB"
    )
    if found := EXECUTOR.search(error):
        return f"YARN killed an executor that used {found['used']} of {found['limit']} memory: {what_to_raise}"
    if found := MASTER.search(error):
        return (
            f"YARN killed the application master, which used {found['used']} of {found['limit']} memory: its "
            f"{MASTER_MIB} MiB are the sum of MASTER_HEAP_MIB and MASTER_OVERHEAD_MIB in "
            "plugins/verger/settings/container_sizes.py; raise MASTER_OVERHEAD_MIB, and build the cluster again"
        )
    if SIGNAL_9.search(error):
        return f"an executor was killed by signal 9, which the kernel sends when memory runs out: {what_to_raise}"
    return ""
