"""How the photos of tonight differ from the earlier ones: label by label, and by what the basis explains of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
"""Labels named in the metrics."""


def by_label(coordinates: DataFrame, new: DataFrame, new_count: int) -> DataFrame:
    """Where the new photos of each label lie among its earlier ones; one row for each label with new photos.

    `coordinates` are (path, label, pca_features) of all current photos, `new` has the paths of the new ones. Columns:

    label string
    photos, new bigint: its earlier photos, and the new ones
    distance double: between the means of the two
    spread double: root mean square distance of the earlier photos from their mean
    ratio double: distance / spread; null where spread is 0

    The last three are null for a label without earlier photos.
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
    """Count, mean (k,) and spread of the rows of (label, is_new, pca_features), for each label and side."""
    from pyspark.ml.functions import array_to_vector, vector_to_array
    from pyspark.ml.stat import Summarizer
    from pyspark.sql import functions as F

    summary = Summarizer.metrics("count", "mean", "variance").summary(array_to_vector("pca_features"))
    summed = coordinates.groupBy("label", "is_new").agg(summary.alias("summary")).select("label", "is_new", "summary.*")
    # Spark's variance is that of a sample, with the divisor n - 1; for a single row it is 0.
    squared = _sum(vector_to_array("variance")) * (F.col("count") - 1) / F.col("count")
    mean = vector_to_array("mean").alias("mean")
    return summed.select("label", "is_new", "count", mean, F.sqrt(squared).alias("spread"))


def _sum(values: Column) -> Column:
    from pyspark.sql import functions as F

    return F.aggregate(values, F.lit(0.0), lambda total, value: total + value)


def write(drift: DataFrame, uri: str) -> list[dict[str, Any]]:
    """Write what `by_label` gives as one file, largest ratio first; its first `LARGEST` rows."""
    from pyspark.sql import functions as F

    order = (F.desc_nulls_last("ratio"), F.asc("label"))
    drift.repartition(1).sortWithinPartitions(*order).write.mode("overwrite").parquet(uri)
    written = drift.sparkSession.read.schema(DRIFT.ddl).parquet(uri)
    return [row.asDict() for row in written.orderBy(*order).limit(LARGEST).collect()]


def explained_of(new: DataFrame, components: Broadcast[NDArray[np.float64]], mean: NDArray[np.float64]) -> float | None:
    """The share of the new photos' scatter that the components (d, k) explain: ``Σ|Vᵀ(x-m)|² / Σ|x-m|²``.

    `new` has path and features of the new photos, m is the `mean` (d,) of all current ones: it works for a single
    new photo, too. None where all of them lie at the mean.
    """
    from pyspark.sql import functions as F

    parts = new.select("path", "features").mapInArrow(python_task(Spread(components, mean)), SPREAD_SCHEMA)
    total, explained = parts.agg(F.sum("total"), F.sum("explained")).collect()[0]
    return explained / total if total else None
