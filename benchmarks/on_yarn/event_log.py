"""Reads Spark's event log of a step: how often each task of a stage ran, and the largest heap of an executor."""

from __future__ import annotations

import io
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from obstore.store import S3Store

from benchmarks.harness import local_stack
from verger_contract.keys import SPARK_EVENTS

MIB = 2**20


@dataclass(frozen=True)
class Tasks:
    """The tasks of one stage.

    Attributes
    ----------
    tasks : int
        Number of tasks.
    lost : int
        Attempts that ended because their executor was lost.
    failed : int
        Attempts that ended with another error.
    finished_twice : int
        Tasks that succeeded more than once.
    """

    tasks: int
    lost: int
    failed: int
    finished_twice: int


@dataclass(frozen=True)
class Application:
    """What the event log of an application says.

    Attributes
    ----------
    stages : dict of int to Tasks
        The stages that ran, by id.
    executor_heap_mib : float
        Largest used heap of an executor's JVM that Spark measured until a task ended.
    """

    stages: dict[int, Tasks]
    executor_heap_mib: float


def read(store: S3Store, application: str) -> Application:
    """Return what the event log of an application in the bucket says.

    Raises
    ------
    FileNotFoundError
        The bucket has no event log of the application.
    """
    found = [key for key in local_stack.keys(store, SPARK_EVENTS) if application in key]
    if not found:
        raise FileNotFoundError(f"{SPARK_EVENTS}: no event log of {application}")
    return summary(_events(local_stack.read(store, found[0])))


def summary(events: Iterable[dict[str, Any]]) -> Application:
    """Sum up the events of an application."""
    sizes: dict[int, int] = {}
    ends: dict[int, list[tuple[int, str]]] = defaultdict(list)
    heap = 0
    for event in events:
        if event["Event"] == "SparkListenerStageSubmitted":
            sizes[event["Stage Info"]["Stage ID"]] = event["Stage Info"]["Number of Tasks"]
        elif event["Event"] == "SparkListenerTaskEnd":
            ends[event["Stage ID"]].append((event["Task Info"]["Index"], event["Task End Reason"]["Reason"]))
            heap = max(heap, (event.get("Task Executor Metrics") or {}).get("JVMHeapMemory", 0))
    return Application({stage: _tasks(size, ends[stage]) for stage, size in sorted(sizes.items())}, heap / MIB)


def _tasks(size: int, ends: list[tuple[int, str]]) -> Tasks:
    succeeded = Counter(index for index, reason in ends if reason == "Success")
    lost = sum(reason in ("ExecutorLostFailure", "Resubmitted") for _, reason in ends)
    return Tasks(size, lost, len(ends) - lost - succeeded.total(), sum(count > 1 for count in succeeded.values()))


def _events(content: bytes) -> Iterator[dict[str, Any]]:
    """Yield the events of a log. The request for the cluster sets no codec: Spark's default is zstd."""
    with pa.input_stream(io.BytesIO(content), compression="zstd") as lines:
        for line in lines.read().splitlines():
            yield json.loads(line)
