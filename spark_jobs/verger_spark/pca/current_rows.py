"""Which rows of the feature runs are current, and what is done to all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verger_contract.plan import StepPlan
from verger_contract.schemas import DELETES, FEATURES
from verger_spark.errors import VergerError
from verger_spark.io import storage
from verger_spark.io.feature_files import RUN, FeatureFiles, LiveRows, run_of
from verger_spark.python_task import python_task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyspark import Broadcast
    from pyspark.accumulators import Accumulator
    from pyspark.sql import DataFrame, SparkSession

    from verger_spark.pca.tasks import Groups

BROADCAST_ROWS = 500_000
"""Paths, at most, that lie in the memory of every executor: some 50 MB."""


@dataclass(frozen=True)
class Current:
    """The current rows, in files that the workers read in groups."""

    spark: SparkSession
    groups: Broadcast[Groups]
    live: LiveRows

    @classmethod
    def of(cls, spark: SparkSession, files: FeatureFiles, cores: int = 0) -> Current:
        """`cores`: how many there will be; 0: those that there are now."""
        groups = files.groups(cores or spark.sparkContext.defaultParallelism)
        return cls(spark, spark.sparkContext.broadcast(groups), LiveRows(files.deletes))

    def rows(self) -> DataFrame:
        """Path and features, as bytes, of every current photo."""
        from verger_spark.pca.tasks import PACKED_SCHEMA, ReadRows

        return self._numbers().mapInArrow(python_task(ReadRows(self.groups, self.live)), PACKED_SCHEMA)

    def project(self, components: NDArray[np.float64], pca: str, seen: Accumulator[int]) -> int:
        """Write the coordinates of every current photo to the folder `pca`; how many they are."""
        from verger_spark.pca.tasks import WRITTEN_SCHEMA, Project

        task = Project(self.groups, self.live, self.spark.sparkContext.broadcast(components), pca, seen)
        # One row a task, added up here: a sum by Spark were one more stage.
        return sum(row["photos"] for row in self._numbers().mapInArrow(python_task(task), WRITTEN_SCHEMA).collect())

    def _numbers(self) -> DataFrame:
        count = len(self.groups.value)
        return self.spark.range(0, count, 1, max(count, 1))


def current_files(plan: StepPlan) -> FeatureFiles:
    """The files of the rows that a plan leaves current, once its compaction is done. Errors: `require`, `base_of`."""
    require(plan.runs, plan.deletes)
    base_of(plan.runs)
    return FeatureFiles.of(plan.runs, plan.deletes)


def live_rows(spark: SparkSession, runs: Sequence[str], deletes: str) -> DataFrame:
    """The rows (path, label, etag, features, run) of feature runs, less those that `dead` lists by path and run.

    No row is moved while `dead` is short, as it is for runs that are kept. Errors: `require`, `base_of`.
    """
    from pyspark.sql import functions as F

    require(runs, deletes)
    # One read rather than a union: the small files of many small runs are then packed into few tasks. Below a base
    # path, the folder's run becomes a column; its type is told, or run 007 would be 7.
    rows = spark.read.schema(f"{FEATURES.ddl}, run string").option("basePath", base_of(runs)).parquet(*runs)
    gone = spark.read.schema(DELETES.ddl).parquet(deletes).where(F.col("run").isin([run_of(uri) for uri in runs]))
    return rows.join(broadcast_few(gone, gone.count()), ["path", "run"], "left_anti").select(*rows.columns)


def broadcast_few(paths: DataFrame, count: int) -> DataFrame:
    """The rows of paths, to be held by every executor when there are few; else Spark decides how to join them."""
    from pyspark.sql import functions as F

    return F.broadcast(paths) if count <= BROADCAST_ROWS else paths


def require(runs: Sequence[str], deletes: str) -> None:
    """Raise VergerError, naming what is missing, unless the runs are there as a whole, and the list of dead rows."""
    for uri in runs:
        if not storage.exists(f"{uri.rstrip('/')}/_SUCCESS"):
            raise VergerError(
                f"{uri}: expected a feature run that was written to its end, found no _SUCCESS in it; "
                "if it was removed meanwhile, start a new run"
            )
    if not storage.exists(deletes):
        raise VergerError(f"{deletes}: expected the list of dead rows of this plan, found none; start a new run")


def base_of(runs: Sequence[str]) -> str:
    """The folder in which all runs lie as `run=<id>`; VergerError when there is none. At least one run.

    >>> base_of(["s3://bucket/features/run=A/", "s3://bucket/features/run=B"])
    's3://bucket/features'
    """
    bases = {uri.rstrip("/").rpartition("/")[0] for uri in runs}
    named = all(storage.name_of(uri).startswith(RUN) for uri in runs)
    if len(bases) != 1 or not named:
        raise VergerError(f"feature runs: expected run=<id> folders side by side, found {' '.join(runs)}")
    return bases.pop()
