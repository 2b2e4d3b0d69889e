"""Start and end of a step: the Spark session, the exit code and the error message."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from verger_contract.errors import VergerError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


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


def _message(error: Exception) -> str | None:
    """Return the message of a VergerError that was raised on the driver or on a worker, else None.

    Spark passes an exception of a worker to the driver only as text: its exception contains the traceback.
    """
    if isinstance(error, VergerError):
        return str(error)
    on_worker = re.findall(r"^(?:verger_contract\.errors\.)?VergerError: (.+)$", str(error), re.MULTILINE)
    return on_worker[-1] if on_worker else None
