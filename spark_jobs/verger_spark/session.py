"""The Spark session of a step, and how a step ends."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from verger_spark.errors import VergerError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def open_session(name: str) -> SparkSession:
    """The session that spark-submit prepared; nothing here overrides what the cluster is configured with."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.appName(name).getOrCreate()
    # One row of features is 5 kB, and wide rows are what these steps move: the default of 10,000 rows an Arrow
    # batch would hold 50 MB in the JVM and in every Python worker at once.
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "256")
    return spark


def run(main: Callable[[], None]) -> int:
    """Run a step's main function; its exit code. An error ends with one line: `verger: error: <what and why>`."""
    try:
        main()
    except Exception as error:
        message = _plain(error)
        if message is None:
            raise
        print(f"verger: error: {message}", file=sys.stderr)
        return 1
    return 0


def _plain(error: Exception) -> str | None:
    """The message of a VergerError, also of one that was raised on a worker and came back inside Spark's."""
    if isinstance(error, VergerError):
        return str(error)
    on_worker = re.findall(r"^(?:verger_spark\.errors\.)?VergerError: (.+)$", str(error), re.MULTILINE)
    return on_worker[-1] if on_worker else None
