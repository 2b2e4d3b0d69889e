"""Measures how the new photos of a run differ from the earlier ones, for each label and for all together."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from verger_contract.metrics import LabelDrift
from verger_contract.schemas import DRIFT
from verger_spark.pca.current_rows import broadcast_few
from verger_spark.pca.tasks import SPREAD_SCHEMA, Spread
from verger_spark.python_task import python_task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pyspark import Broadcast
    from pyspark.sql import Column, DataFrame

LARGEST = 20
"""Number of labels in the metrics."""


def by_label(coordinates: DataFrame, new: DataFrame, new_count: int) -> DataFrame:
    """Compare the new photos of each label with its earlier photos.

    Parameters
    ----------
    coordinates : DataFrame
        path, label, pca_features of all current photos.
    new : DataFrame
        path of the new photos.
    new_count : int
        Rows of `new`.

    Returns
    -------
    DataFrame
        The columns of `verger_contract.schemas.DRIFT`, one row for each label with new photos. `photos` and `new` count
        earlier and new photos. `distance` lies between the means of the two. `spread` is the root mean square distance
        of the earlier photos from their mean. `ratio` is distance / spread, null where spread is 0. The last three are
        null for a label without earlier photos.
    """
    from pyspark.sql import functions as F

    paths = broadcast_few(new.select("path", F.lit(True).alias("is_new")), new_count)
    marked = coordinates.join(paths, "path", "left")
    sides = _sides(marked.select("label", F.col("is_new").isNotNull().alias("is_new"), "pca_features"))

    def side(new: bool, name: str) -> Column:
        return F.first(F.when(F.col("is_new") == new, F.col(name)), ignorenulls=True)

    labels = sides.groupBy("label").agg(
        F.coalesce(side(False, "count"), F.lit(0).cast("bigint")).alias("photos"),
        side(True, "count").alias("new"),
        side(False, "mean").alias("earlier_mean"),
        side(True, "mean").alias("new_mean"),
        side(False, "spread").alias("spread"),
    )
    between = F.zip_with("earlier_mean", "new_mean", lambda one, other: one - other)
    distance = F.sqrt(_sum(F.transform(between, lambda value: value * value))).alias("distance")
    ratio = (F.col("distance") / F.when(F.col("spread") > 0, F.col("spread"))).alias("ratio")
    with_new = labels.where(F.col("new").isNotNull()).select("label", "photos", "new", distance, "spread")
    return with_new.select("*", ratio)


def _sides(coordinates: DataFrame) -> DataFrame:
    """Return count, mean (k,) and spread for each label, separately for earlier and new photos.

    The columns of `coordinates` are label, is_new, pca_features.
    """
    from pyspark.ml.functions import array_to_vector, vector_to_array
    from pyspark.ml.stat import Summarizer
    from pyspark.sql import functions as F

    summary = Summarizer.metrics("count", "mean", "variance").summary(array_to_vector("pca_features"))
    summed = coordinates.groupBy("label", "is_new").agg(summary.alias("summary")).select("label", "is_new", "summary.*")
    # Spark's variance is the sample variance, with the divisor n - 1. For a single row it is 0.
    squared = _sum(vector_to_array("variance")) * (F.col("count") - 1) / F.col("count")
    mean = vector_to_array("mean").alias("mean")
    return summed.select("label", "is_new", "count", mean, F.sqrt(squared).alias("spread"))


def _sum(values: Column) -> Column:
    from pyspark.sql import functions as F

    return F.aggregate(values, F.lit(0.0), lambda total, value: total + value)


def write(drift: DataFrame, uri: str) -> list[LabelDrift]:
    """Write the result of `by_label` as one file, largest ratio first, and return its first ``LARGEST`` rows."""
    from pyspark.sql import functions as F

    order = (F.desc_nulls_last("ratio"), F.asc("label"))
    drift.repartition(1).sortWithinPartitions(*order).write.mode("overwrite").parquet(uri)
    written = drift.sparkSession.read.schema(DRIFT.ddl).parquet(uri)
    return [cast("LabelDrift", row.asDict()) for row in written.orderBy(*order).limit(LARGEST).collect()]


def explained_of(new: DataFrame, components: Broadcast[NDArray[np.float64]], mean: NDArray[np.float64]) -> float | None:
    """Return the share of the new photos' scatter that the components explain: ``Σ|Vᵀ(x-m)|² / Σ|x-m|²``.

    The mean m is that of all current photos, so that the share is defined for a single new photo too.

    Parameters
    ----------
    new : DataFrame
        path and features of the new photos.
    components : Broadcast of ndarray of shape (d, k)
        V
    mean : ndarray of shape (d,)
        m

    Returns
    -------
    float or None
        None if all new photos are equal to the mean.
    """
    from pyspark.sql import functions as F

    parts = new.select("path", "features").mapInArrow(python_task(Spread(components, mean)), SPREAD_SCHEMA)
    total, explained = parts.agg(F.sum("total"), F.sum("explained")).collect()[0]
    return explained / total if total else None
