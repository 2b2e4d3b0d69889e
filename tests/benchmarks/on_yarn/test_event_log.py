"""The event log of a step says which tasks ran again, and how large the heap of an executor was."""

from __future__ import annotations

from typing import Any

from benchmarks.on_yarn.event_log import Tasks, summary

MIB = 2**20


def submitted(stage: int, tasks: int) -> dict[str, Any]:
    return {"Event": "SparkListenerStageSubmitted", "Stage Info": {"Stage ID": stage, "Number of Tasks": tasks}}


def ended(stage: int, index: int, reason: str, heap: int | None = None) -> dict[str, Any]:
    metrics = None if heap is None else {"JVMHeapMemory": heap * MIB}
    return {
        "Event": "SparkListenerTaskEnd",
        "Stage ID": stage,
        "Task Info": {"Index": index},
        "Task End Reason": {"Reason": reason},
        "Task Executor Metrics": metrics,
    }


def test_lost_failed_and_repeated_tasks_of_each_stage() -> None:
    found = summary(
        [
            {"Event": "SparkListenerApplicationStart"},
            submitted(0, 3),
            ended(0, 0, "Success", 80),
            ended(0, 1, "ExecutorLostFailure"),
            ended(0, 2, "ExceptionFailure", 90),
            ended(0, 1, "Success", 70),
            ended(0, 2, "Success"),
            submitted(1, 1),
            ended(1, 0, "Success"),
            ended(1, 0, "Resubmitted"),
            ended(1, 0, "Success"),
        ]
    )
    assert found.stages == {0: Tasks(3, 1, 1, 0), 1: Tasks(1, 1, 0, 1)}
    assert found.executor_heap_mib == 90
