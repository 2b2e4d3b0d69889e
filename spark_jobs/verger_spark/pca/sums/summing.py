"""Sums up the features of all photos with Spark, in an order that depends only on the paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verger_spark.pca.sums.covariance import Moments
from verger_spark.pca.tasks import MOMENTS_SCHEMA, Accumulate, Merge
from verger_spark.python_task import python_task

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator
    from pyspark.sql import DataFrame

BLOCK_ROWS = 16_384
"""Approximate number of rows in a block. The moments of a block take 6.6 MB, its features 84 MB, and summing half a
second of a core."""

FAN_IN = 8
"""Approximate number of blocks that are merged into one at each level of the tree. The hash gives some parents twice as
many."""

LAST = 8
"""Maximum number of sums that the driver merges: 53 MB."""


def sum_up(rows: DataFrame, photos: int, processed: Accumulator[int]) -> Moments | None:
    """Return the moments of all rows.

    Workers sum up blocks of rows and merge the sums as a tree. The driver merges the last few sums.

    Parameters
    ----------
    rows : DataFrame
        path, and features as bytes.
    photos : int
        Approximate number of rows. It determines the number of blocks.
    processed : Accumulator
        Counts the rows, for progress.json.

    Returns
    -------
    Moments or None
        None if there are no rows.
    """
    from pyspark.sql import functions as F

    blocks = max(1, -(-photos // BLOCK_ROWS))
    # `repartition` sends a row to the partition pmod(hash(path), blocks). The block number is the same expression, so
    # that each partition holds one block.
    numbered = rows.select(F.expr(f"pmod(hash(path), {blocks})").alias("block"), "path", "features")
    sums = (
        numbered.repartition(blocks, "path")
        .sortWithinPartitions("block", "path")
        .mapInArrow(python_task(Accumulate(processed)), MOMENTS_SCHEMA)
    )
    while blocks > LAST:
        blocks = -(-blocks // FAN_IN)
        # The number of the parent equals that of the partition too, so that no partition holds two parents.
        numbered = sums.withColumn("parent", F.expr(f"pmod(hash(block), {blocks})"))
        parents = numbered.repartition(blocks, "block").sortWithinPartitions("parent", "block")
        sums = parents.mapInArrow(python_task(Merge()), MOMENTS_SCHEMA)
    last = sorted(sums.collect(), key=lambda row: row["block"])
    return Moments.merged(bytes(row["moments"]) for row in last) if last else None
