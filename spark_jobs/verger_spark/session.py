"""Start and end of a step: the Spark session, the exit code and the error message."""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Generic, NoReturn, Protocol, TypeVar, cast

from verger_contract.errors import VergerError

if TYPE_CHECKING:
    from importlib.abc import FileLoader

    from pyspark.accumulators import Accumulator
    from pyspark.sql import SparkSession

    from verger_spark.stopwatch import Stopwatch

STARTUP = "startup"
"""The part of a step in which the session starts."""

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)


class Shared(Protocol[Value_co]):
    """A value that a task reads: `pyspark.Broadcast`, or `DriverValue` when the driver does the work of the task."""

    @property
    def value(self) -> Value_co:
        """The value."""


class Counter(Protocol):
    """Counts rows: `pyspark.Accumulator`, or `DriverCounter` when the driver does the work of the task."""

    def add(self, term: int) -> None:
        """Add a number of rows."""


@dataclass(frozen=True)
class DriverValue(Generic[Value]):
    """A value that only the driver reads. It needs no Spark session."""

    value: Value


@dataclass
class DriverCounter:
    """Counts the rows that the driver itself processes. It needs no Spark session."""

    value: int = 0

    def add(self, term: int) -> None:
        """Add a number of rows."""
        self.value += term


class LazySession:
    """The Spark session of a step. It starts when it is first used.

    The steps run in client mode: a driver that creates no SparkContext starts no YARN application. A step whose input
    is small reads it in the driver and never starts Spark, which saves the seconds of the start.

    Parameters
    ----------
    name : str
        Name of the Spark application.
    watch : Stopwatch
        The start of the session becomes the part `startup`. Without a start, this part has 0 seconds.

    Attributes
    ----------
    started : bool
        Whether the session has started.
    """

    def __init__(self, name: str, watch: Stopwatch) -> None:
        self._name, self._watch = name, watch
        self.started = False
        with watch.apart(STARTUP):
            pass

    @cached_property
    def spark(self) -> SparkSession:
        """The session that spark-submit configured. The first access starts it."""
        with self._watch.apart(STARTUP):
            spark = open_session(self._name)
        self.started = True
        return spark

    @property
    def application(self) -> str:
        """Id of the Spark application; empty while no session has started."""
        return str(self.spark.sparkContext.applicationId) if self.started else ""

    @property
    def version(self) -> str:
        """Version of Spark: that of the session, and that of pyspark without one."""
        return str(self.spark.version) if self.started else pyspark_version()

    def broadcast(self, value: Value) -> Shared[Value]:
        """Return a value for Spark tasks. The session starts."""
        shared: Shared[Value] = self.spark.sparkContext.broadcast(value)
        return shared

    def cancel(self) -> None:
        """Cancel all Spark jobs. Nothing happens while no session has started."""
        if self.started:
            self.spark.sparkContext.cancelAllJobs()


class RowCounter:
    """Counts rows that the driver and Spark tasks process.

    Parameters
    ----------
    session : LazySession

    Attributes
    ----------
    driver : DriverCounter
        For rows that the driver processes.
    """

    def __init__(self, session: LazySession) -> None:
        self._session = session
        self._tasks: Accumulator[int] | None = None
        self.driver = DriverCounter()

    @property
    def tasks(self) -> Accumulator[int]:
        """For rows that Spark tasks process. The first access starts the session."""
        if self._tasks is None:
            self._tasks = self._session.spark.sparkContext.accumulator(0)
        return self._tasks

    @property
    def value(self) -> int:
        """Number of all rows so far."""
        return self.driver.value + (0 if self._tasks is None else int(self._tasks.value))


def pyspark_version() -> str:
    """Return the version of pyspark from its module `version`. An import of pyspark itself takes 0.4 s.

    Raises
    ------
    ModuleNotFoundError
        pyspark is not installed.
    """
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pyspark: expected it beside spark-submit, found no such module", name="pyspark")
    content = cast("FileLoader", spec.loader).get_data(f"{spec.origin.rpartition('/')[0]}/version.py").decode()
    found = re.search(r"^__version__.*= *['\"]([^'\"]+)", content, re.MULTILINE)
    return found[1] if found else "unknown"


def open_session(name: str) -> SparkSession:
    """Return the session that spark-submit configured. This function changes none of the cluster's settings but one."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName(name).getOrCreate()
    # A row of features has 5 kB. With the default of 10,000 rows, an Arrow batch would take 50 MB in the JVM and in
    # every Python worker at the same time.
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "256")
    return spark


def run(main: Callable[[], None]) -> int:
    """Run the main function of a step and return the exit code.

    A VergerError becomes one line on stderr: `verger: error: <message>`. Any other exception is raised.
    """
    try:
        main()
    except Exception as error:
        message = _message(error)
        if message is None:
            raise
        print(f"verger: error: {message}", file=sys.stderr)
        return 1
    return 0


def run_and_exit(main: Callable[[], None]) -> NoReturn:
    """Run the main function of a step as `run` does, and end the process with the exit code.

    The process ends without the cleanup of Python and of its libraries. A thread of pyarrow that is just starting can
    abort the process in that cleanup (https://github.com/apache/arrow/issues/34314). A step that has written all its
    data would fail with exit code 134. The JVM of spark-submit stops the SparkContext after the end of this process.
    """
    try:
        code = run(main)
    except Exception:  # noqa: BLE001 - not handled, only printed as Python does
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _message(error: Exception) -> str | None:
    """Return the message of a VergerError that was raised on the driver or on a worker, else None.

    Spark passes an exception of a worker to the driver only as text: its exception contains the traceback.
    """
    if isinstance(error, VergerError):
        return str(error)
    on_worker = re.findall(r"^(?:verger_contract\.errors\.)?VergerError: (.+)$", str(error), re.MULTILINE)
    return on_worker[-1] if on_worker else None
