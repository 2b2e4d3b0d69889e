"""Folders as Spark sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def remove(spark: SparkSession, uri: str) -> None:
    """Remove a folder that Spark wrote, with all that it holds, if it is there."""
    context: Any = spark.sparkContext
    path = context._jvm.org.apache.hadoop.fs.Path(uri)
    path.getFileSystem(context._jsc.hadoopConfiguration()).delete(path, True)
