"""Explains the end of a process that was killed: its logs have no error of its own."""

from __future__ import annotations

import re
import signal

from verger.emr.step_log import KILLED_FROM

WORKER = re.compile(r"Python worker exited unexpectedly \(crashed\)")
"""What Spark writes when the process of a Python worker has ended."""

LOST_NODE = re.compile(
    r"ExecutorLostFailure .*?(?:lost\* node|[Nn]ode lost|[Dd]ecommission|worker lost|[Ss]lave lost|Heartbeat|timed out)"
)
"""What Spark writes about an executor whose node was lost."""

OUT_OF_MEMORY = "the kernel sends it when the memory of a node runs out"


def explanation(error: str, exit_code: int | None) -> str:
    """Return which process was killed and what to do; empty when none was.

    Parameters
    ----------
    error : str
        The error in the log of the step; empty when it has none.
    exit_code : int or None
        Exit code of the step: that of its driver.
    """
    if WORKER.search(error):
        return (
            f"a Python worker was killed or crashed in every attempt of a task (signal 9: {OUT_OF_MEMORY}); raise "
            "VERGER_EXECUTOR_OVERHEAD_MIB, or search the log for the photo that crashes it; then clear this task"
        )
    if LOST_NODE.search(error):
        return f"a node of the cluster was lost with its executors in every attempt; clear this task: {error}"
    if exit_code is None or exit_code <= KILLED_FROM:
        return ""
    number = exit_code - KILLED_FROM
    if number == signal.SIGKILL:
        return (
            f"the driver (its Java or its Python process, on the primary node) was killed by signal 9: out of memory? "
            f"({OUT_OF_MEMORY}); clear this task, and if it happens again, set larger types in "
            "VERGER_PRIMARY_INSTANCE_TYPES"
        )
    if number == signal.SIGTERM:
        return "the driver was ended by signal 15: its node was shut down, or a user ended it; clear this task"
    return f"the driver ended by signal {number} ({_name(number)}): it crashed; read the last lines of its log"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
