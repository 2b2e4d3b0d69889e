"""Which rows of the feature runs are current."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verger_spark import storage
from verger_spark.errors import VergerError
from verger_spark.layout import DEAD_SCHEMA, FEATURES_SCHEMA
from verger_spark.plan import Plan

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

RUN = "run="

BROADCAST_ROWS = 500_000
"""Paths, at most, that lie in the memory of every executor: some 50 MB."""


@dataclass(frozen=True)
class Current:
    """The current rows, one per photo (path, label, etag, features); `new` are those that this run featurized."""

    rows: DataFrame
    new: DataFrame | None = None

    @classmethod
    def of(cls, spark: SparkSession, plan: Plan) -> Current:
        """The rows that a plan leaves current, once its compaction is done. Errors: `live_rows`."""
        from pyspark.sql import functions as F

        rows = live_rows(spark, plan.runs, plan.dead)
        return cls(rows.drop("run"), rows.where(F.col("run") == run_of(plan.new)).drop("run"))

    @classmethod
    def by_hand(cls, spark: SparkSession, folders: Sequence[str]) -> Current:
        """Every row of some folders of features, whatever they are called."""
        return cls(spark.read.schema(FEATURES_SCHEMA).parquet(*folders))


def live_rows(spark: SparkSession, runs: Sequence[str], dead: str) -> DataFrame:
    """The rows (path, label, etag, features, run) of feature runs, less those that `dead` lists by path and run.

    No row is moved while `dead` is short, as it is for runs that are kept. Errors: `require`, `base_of`.
    """
    from pyspark.sql import functions as F

    require(runs, dead)
    # One read rather than a union: the small files of many small runs are then packed into few tasks. Below a base
    # path, the folder's run becomes a column; its type is told, or run 007 would be 7.
    rows = spark.read.schema(f"{FEATURES_SCHEMA}, run string").option("basePath", base_of(runs)).parquet(*runs)
    gone = spark.read.schema(DEAD_SCHEMA).parquet(dead).where(F.col("run").isin([run_of(uri) for uri in runs]))
    return rows.join(broadcast_few(gone, gone.count()), ["path", "run"], "left_anti").select(*rows.columns)


def broadcast_few(paths: DataFrame, count: int) -> DataFrame:
    """The rows of paths, to be held by every executor when there are few; else Spark decides how to join them."""
    from pyspark.sql import functions as F

    return F.broadcast(paths) if count <= BROADCAST_ROWS else paths


def require(runs: Sequence[str], dead: str) -> None:
    """Raise VergerError, naming what is missing, unless the runs are there as a whole, and the list of dead rows."""
    for uri in runs:
        if not storage.exists(f"{uri.rstrip('/')}/_SUCCESS"):
            raise VergerError(
                f"{uri}: expected a feature run that was written to its end, found no _SUCCESS in it; "
                "if it was removed meanwhile, start a new run"
            )
    if not storage.exists(dead):
        raise VergerError(f"{dead}: expected the list of dead rows of this plan, found none; start a new run")


def run_of(uri: str) -> str:
    """The id of a run.

    >>> run_of("s3://bucket/features/run=A/")
    'A'
    """
    return uri.rstrip("/").rpartition("/")[2].removeprefix(RUN)


def base_of(runs: Sequence[str]) -> str:
    """The folder in which all runs lie as `run=<id>`; VergerError when there is none. At least one run.

    >>> base_of(["s3://bucket/features/run=A/", "s3://bucket/features/run=B"])
    's3://bucket/features'
    """
    bases = {uri.rstrip("/").rpartition("/")[0] for uri in runs}
    named = all(uri.rstrip("/").rpartition("/")[2].startswith(RUN) for uri in runs)
    if len(bases) != 1 or not named:
        raise VergerError(f"feature runs: expected run=<id> folders side by side, found {' '.join(runs)}")
    return bases.pop()
