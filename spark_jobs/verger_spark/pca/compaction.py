"""Copies the current rows of some feature runs into one, without the dead rows that they carry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from verger_spark.pca.current_rows import live_rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROWS_PER_FILE = 8192
"""Some 42 MB a file: large enough to be read fast."""

GROUP_BYTES = 4 << 20
"""Of a row group, about: it is fetched as a whole, and lies in the memory of a worker."""


def compact(spark: SparkSession, runs: Sequence[str], deletes: str, into: str) -> int:
    """Write the rows of `runs` that `dead` does not list to `into`, over what an earlier try left; how many there are.

    Errors: `live_rows`.
    """
    rows = live_rows(spark, runs, deletes).drop("run")
    count = int(rows.count())
    files = max(-(-count // ROWS_PER_FILE), 1)
    # Joining tasks, not shuffling rows: it makes no odds in which file a row lies.
    options = {"maxRecordsPerFile": ROWS_PER_FILE, "parquet.block.size": GROUP_BYTES}
    rows.coalesce(files).write.options(**options).mode("overwrite").parquet(into)
    return count
