"""Runs a function over the parts of the written tables: in the driver for few bytes, else in Spark tasks."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from verger_spark.session import Counter, LazySession, RowCounter

if TYPE_CHECKING:
    from pyspark import Broadcast

SMALL_BYTES = 32_000_000
"""The driver itself reads so many bytes: that takes less time than the start of a Spark session."""

REQUESTS = 8
"""Files that the driver reads at the same time."""

TASKS_PER_CORE = 4
"""Tasks for each core. Each returns one result, so their number does not grow with the number of files."""


class HasRows(Protocol):
    """A part that says how many rows it has."""

    @property
    def rows(self) -> int:
        """The number of rows."""


Part = TypeVar("Part", bound=HasRows)


class Mergeable(Protocol):
    """A result of which two can be put together."""

    def plus(self: Result, other: Result) -> Result:
        """Return the result for the parts of both."""


Result = TypeVar("Result", bound=Mergeable)
Read = Callable[[Part], Result]


@dataclass(frozen=True)
class Counted(Generic[Part, Result]):
    """Reads a part, and counts its rows."""

    read: Read[Part, Result]
    counter: Counter

    def __call__(self, part: Part) -> Result:
        """Return the result of a part."""
        found = self.read(part)
        self.counter.add(part.rows)
        return found


@dataclass(frozen=True)
class _Task(Generic[Part, Result]):
    """The function of a Spark task: the number of a group of parts in, one result out."""

    groups: Broadcast[list[list[Part]]]
    read: Broadcast[Read[Part, Result]]
    counter: Counter

    def __call__(self, numbers: Iterable[int]) -> Iterator[Result]:
        task = Counted(self.read.value, self.counter)
        results = (task(part) for number in numbers for part in self.groups.value[number])
        if (first := next(results, None)) is not None:
            yield reduce(lambda one, other: one.plus(other), results, first)


@dataclass(frozen=True)
class Cluster:
    """Where parts are read.

    Attributes
    ----------
    session : LazySession
    cores : int
        Cores of the cluster. 0: those at the start of the session.
    progress : callable
        Returns the context manager that reports the progress, of a total of rows and a function that counts them.
    """

    session: LazySession
    cores: int
    progress: Callable[[int, Callable[[], int]], AbstractContextManager[object]]


def over(cluster: Cluster, parts: Sequence[tuple[Part, int]], read: Read[Part, Result], none: Result) -> Result:
    """Return the results of all parts put together.

    Parameters
    ----------
    cluster : Cluster
        Its session is opened only for more than SMALL_BYTES.
    parts : sequence of (part, bytes)
    read : callable
        Returns the result of a part. Spark pickles it.
    none : Result
        The result of no parts.
    """
    counter = RowCounter(cluster.session)
    with cluster.progress(sum(part.rows for part, _ in parts), lambda: counter.value):
        return reduce(lambda one, other: one.plus(other), _results(cluster, parts, read, counter), none)


def _results(
    cluster: Cluster, parts: Sequence[tuple[Part, int]], read: Read[Part, Result], counter: RowCounter
) -> Iterable[Result]:
    if sum(size for _, size in parts) <= SMALL_BYTES:
        task = Counted(read, counter.driver)
        with ThreadPoolExecutor(REQUESTS) as pool:
            return [*pool.map(task, (part for part, _ in parts))]
    from verger_spark.python_task import python_task

    context = cluster.session.spark.sparkContext
    groups = _groups(parts, TASKS_PER_CORE * (cluster.cores or context.defaultParallelism))
    of_groups: _Task[Part, Result] = _Task(context.broadcast(groups), context.broadcast(read), counter.tasks)
    found: list[Result] = (
        context.parallelize(range(len(groups)), len(groups)).mapPartitions(python_task(of_groups)).collect()
    )
    return found


def _groups(parts: Sequence[tuple[Part, int]], most: int) -> list[list[Part]]:
    """Divide parts into at most so many groups of similar size."""
    groups: list[list[Part]] = [[] for _ in range(min(most, len(parts)))]
    smallest = [(0, number) for number in range(len(groups))]
    for part, size in sorted(parts, key=lambda pair: -pair[1]):
        filled, number = heapq.heappop(smallest)
        groups[number].append(part)
        heapq.heappush(smallest, (filled + size, number))
    return groups
