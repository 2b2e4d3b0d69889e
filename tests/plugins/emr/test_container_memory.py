"""The user reads what YARN killed for its memory, the limit, and what to raise. The errors are those of a real YARN."""

from __future__ import annotations

import pytest

from verger.emr.container_memory import explanation
from verger.emr.step_log import summary
from verger.settings import Settings

OPTIONS = Settings.from_environment({"VERGER_BUCKET": "orchard", "VERGER_EXECUTOR_OVERHEAD_MIB": "2048"}).cluster
LOST = (
    "org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 4 times, most "
    "recent failure: Lost task 0.3 in stage 0.0 (TID 3) (127.251.241.3 executor 4): ExecutorLostFailure (executor 4 "
    "exited caused by one of the running tasks) Reason: "
)
EXECUTOR = (
    f"{LOST}Container killed by YARN for exceeding physical memory limits. 905.9 MB of 896 MB physical memory used. "
    "Consider boosting spark.executor.memoryOverhead."
)
SIGNAL = (
    f"{LOST}Container from a bad node: container_1795739779480_0001_01_000002 on host: 127.251.241.3. Exit status: "
    "137. Diagnostics: [2026-11-27 00:42:01.439]Container killed on request. Exit code is 137"
)
MASTER = [
    "26/11/27 00:42:02 ERROR YarnClientSchedulerBackend: YARN application has exited unexpectedly with state FAILED! "
    "Check the YARN application logs for more details.",
    "26/11/27 00:42:02 ERROR YarnClientSchedulerBackend: Diagnostics message: Application "
    "application_1795740071605_0001 failed 1 times (global limit =2; local limit is =1) due to AM Container for "
    "appattempt_1795740071605_0001_000001 exited with  exitCode: -104",
    "Failing this attempt.Diagnostics: [2026-11-27 00:42:01.439]Container "
    "[pid=24911,containerID=container_1795740071605_0001_01_000001] is running 9535488B beyond the 'PHYSICAL' memory "
    "limit. Current usage: 201.1 MB of 192 MB physical memory used; 2.6 GB of 403.2 MB virtual memory used. Killing "
    "container.",
    "26/11/27 00:42:03 ERROR SparkContext: Error initializing SparkContext.",
]


def test_an_executor_over_its_memory() -> None:
    assert explanation(EXECUTOR, OPTIONS) == (
        "YARN killed an executor that used 905.9 MB of 896 MB memory: an executor has 2,816 MiB, 768 for the heap "
        "(VERGER_EXECUTOR_HEAP_MIB) and 2,048 for Python (VERGER_EXECUTOR_OVERHEAD_MIB); raise "
        "VERGER_EXECUTOR_OVERHEAD_MIB"
    )


def test_an_executor_that_got_signal_9() -> None:
    assert explanation(SIGNAL, OPTIONS).startswith("an executor was killed by signal 9, which the kernel sends when ")


def test_an_application_master_over_its_memory() -> None:
    found = summary(MASTER)
    assert found.startswith("Diagnostics message: Application application_1795740071605_0001 failed 1 times ")
    assert explanation(found, OPTIONS).startswith(
        "YARN killed the application master, which used 201.1 MB of 192 MB memory: its 512 MiB are the sum of "
    )


@pytest.mark.parametrize("other", ["", "KeyError: 'physical memory used'", LOST, SIGNAL.replace("137", "143")])
def test_any_other_error_has_no_explanation(other: str) -> None:
    assert explanation(other, OPTIONS) == ""
