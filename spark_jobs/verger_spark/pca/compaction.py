"""Copies the current rows of several feature runs into one new run, without the deleted rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from verger_spark.pca.current_rows import current_rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS_PER_FILE = 8192
"""About 42 MB a file. Files of this size are read fast."""

GROUP_BYTES = 4 << 20
"""Approximate size of a row group. A worker fetches a row group with one request and holds it in memory."""


def compact(spark: SparkSession, runs: Sequence[str], deletes: str, into: str) -> int:
    """Write the current rows of `runs` to the folder `into`, and return their number.

    Parameters
    ----------
    spark : SparkSession
    runs : sequence of str
        URIs of feature runs.
    deletes : str
        URI of the table of their deleted rows.
    into : str
        URI of the new feature run. Files of an earlier attempt are overwritten.

    Raises
    ------
    VergerError
        As `current_rows`.
    """
    rows = current_rows(spark, runs, deletes).drop("run")
    count = int(rows.count())
    files = max(-(-count // ROWS_PER_FILE), 1)
    # coalesce merges tasks and does not shuffle rows. The file that a row is in does not matter.
    options = {"maxRecordsPerFile": ROWS_PER_FILE, "parquet.block.size": GROUP_BYTES}
    rows.coalesce(files).write.options(**options).mode("overwrite").parquet(into)
    return count
