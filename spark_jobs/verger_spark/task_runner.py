"""Runs the tasks of a step: on Spark, or in the driver when there is so little to do that Spark need not start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from verger_spark.python_task import python_task
from verger_spark.session import Counter, DriverCounter, DriverValue, LazySession, Shared

Value = TypeVar("Value")
Output = TypeVar("Output")
Task = Callable[[Iterable[int]], Iterator[Output]]
"""The numbers of the parts of a task in, one result for each part out."""


class CountedRows(Counter, Protocol):
    """A counter that the driver reads."""

    @property
    def value(self) -> int:
        """Rows that the tasks have counted so far."""


class TaskRunner(Protocol):
    """Where the tasks of a step run."""

    @property
    def cores(self) -> int:
        """Tasks that run at the same time."""

    def share(self, value: Value) -> Shared[Value]:
        """Return a value that tasks read."""

    def counter(self) -> CountedRows:
        """Return a new counter."""

    def run(self, task: Task[Output], count: int) -> list[Output]:
        """Run one task for each number below `count`, and return their results."""


@dataclass(frozen=True)
class DriverTasks:
    """Runs the tasks one after the other in the driver, without a Spark session."""

    cores: int = 1

    def share(self, value: Value) -> Shared[Value]:
        """Return the value for this process."""
        return DriverValue(value)

    def counter(self) -> CountedRows:
        """Return a counter of this process."""
        return DriverCounter()

    def run(self, task: Task[Output], count: int) -> list[Output]:
        """Run the tasks in the order of their numbers."""
        return [*task(range(count))]


@dataclass(frozen=True)
class SparkTasks:
    """Runs the tasks on the cores of the cluster. The session starts when something is first used.

    Attributes
    ----------
    session : LazySession
    given_cores : int or None
        Cores of the cluster. None: those at the start of the session.
    """

    session: LazySession
    given_cores: int | None = None

    @property
    def cores(self) -> int:
        """The given number of cores, or the one that Spark found."""
        return self.given_cores or int(self.session.spark.sparkContext.defaultParallelism)

    def share(self, value: Value) -> Shared[Value]:
        """Return a broadcast variable."""
        return self.session.broadcast(value)

    def counter(self) -> CountedRows:
        """Return an accumulator."""
        found: CountedRows = self.session.spark.sparkContext.accumulator(0)
        return found

    def run(self, task: Task[Output], count: int) -> list[Output]:
        """Run Spark tasks.

        Each number is a partition of its own. Results are returned to the driver: a sum by Spark would need a shuffle,
        and a lost node would lose shuffle files, so that Spark would run tasks again. An RDD is used because planning a
        query of a DataFrame takes longer than a hundred photos.
        """
        numbers = self.session.spark.sparkContext.parallelize(range(count), count)
        found: list[Output] = numbers.mapPartitions(python_task(task)).collect()
        return found
