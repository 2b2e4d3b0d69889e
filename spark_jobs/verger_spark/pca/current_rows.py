"""The current rows of the feature runs: checks that they are complete, reads them and projects them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verger_contract.errors import VergerError
from verger_contract.metrics import FILE_LIST, ListedFile
from verger_contract.plan import StepPlan
from verger_spark.io import storage
from verger_spark.io.feature_files import RUN, CurrentRows, FeatureFiles
from verger_spark.io.location import name_of
from verger_spark.python_task import python_task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyspark import Broadcast
    from pyspark.accumulators import Accumulator
    from pyspark.sql import DataFrame, SparkSession

    from verger_spark.pca.tasks import Groups

BROADCAST_ROWS = 500_000
"""Maximum number of paths that every executor holds in memory: about 50 MB."""


@dataclass(frozen=True)
class CurrentFeatures:
    """The features of all current photos, in groups of files. A Spark task reads one group."""

    spark: SparkSession
    groups: Broadcast[Groups]
    rows: CurrentRows

    @classmethod
    def of(cls, spark: SparkSession, files: FeatureFiles, cores: int = 0) -> CurrentFeatures:
        """Group the files for a number of cores. With 0, the number is that of the cores of the running executors."""
        groups = files.groups(cores or spark.sparkContext.defaultParallelism)
        return cls(spark, spark.sparkContext.broadcast(groups), CurrentRows(files.deletes))

    def packed(self) -> DataFrame:
        """Return path and features (as bytes) of every current photo."""
        from verger_spark.pca.tasks import PACKED_SCHEMA, ReadRows

        return self._numbers().mapInArrow(python_task(ReadRows(self.groups, self.rows)), PACKED_SCHEMA)

    def project(self, components: NDArray[np.float64], pca: str, processed: Accumulator[int]) -> list[ListedFile]:
        """Write the coordinates of every current photo to the folder `pca`, and return its files."""
        from verger_spark.pca.tasks import WRITTEN_SCHEMA, Project

        task = Project(self.groups, self.rows, self.spark.sparkContext.broadcast(components), pca, processed)
        return written_files(self._numbers().mapInArrow(python_task(task), WRITTEN_SCHEMA))

    def _numbers(self) -> DataFrame:
        count = len(self.groups.value)
        return self.spark.range(0, count, 1, max(count, 1))


def current_files(plan: StepPlan) -> FeatureFiles:
    """Return the files that hold the current rows after the compaction of the plan.

    Raises
    ------
    VergerError
        As `require_complete` and `parent_of`.
    """
    require_complete(plan.runs, plan.deletes)
    parent_of(plan.runs)
    return FeatureFiles.of(plan.runs, plan.deletes)


def written_files(rows: DataFrame) -> list[ListedFile]:
    """Run the tasks of a DataFrame that has a row for each written file (``WRITTEN_SCHEMA``). Return the files."""
    # Each task returns one row. A sum by Spark would need one more stage.
    return [ListedFile(**row.asDict()) for row in rows.collect()]


def broadcast_few(paths: DataFrame, count: int) -> DataFrame:
    """Mark rows of paths for a broadcast if there are at most ``BROADCAST_ROWS``. Else Spark chooses the join."""
    from pyspark.sql import functions as F

    return F.broadcast(paths) if count <= BROADCAST_ROWS else paths


def require_complete(runs: Sequence[str], deletes: str) -> None:
    """Check that the feature runs are complete and that the table of deleted rows exists.

    Raises
    ------
    VergerError
        The message names what is missing.
    """
    for uri in runs:
        if not any(storage.exists(f"{uri.rstrip('/')}/{name}") for name in (FILE_LIST, "_SUCCESS")):
            raise VergerError(
                f"{uri}: expected a complete feature run, found neither {FILE_LIST} nor _SUCCESS in it; "
                "if it was deleted in the meantime, start a new run"
            )
    if not storage.exists(deletes):
        raise VergerError(f"{deletes}: expected the table of deleted rows of this plan, found none; start a new run")


def parent_of(runs: Sequence[str]) -> str:
    """Return the folder that contains all runs as `run=<id>`. There must be at least one run.

    Raises
    ------
    VergerError
        The runs are in different folders, or a folder is not named `run=<id>`.

    Examples
    --------
    >>> parent_of(["s3://bucket/features/run=A/", "s3://bucket/features/run=B"])
    's3://bucket/features'
    """
    parents = {uri.rstrip("/").rpartition("/")[0] for uri in runs}
    named = all(name_of(uri).startswith(RUN) for uri in runs)
    if len(parents) != 1 or not named:
        raise VergerError(f"feature runs: expected run=<id> folders side by side, found {' '.join(runs)}")
    return parents.pop()
