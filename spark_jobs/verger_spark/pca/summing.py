"""The moments of all rows of features, summed by Spark in an order that depends on the paths alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verger_spark.pca.covariance import Moments
from verger_spark.pca.tasks import MOMENTS_SCHEMA, Accumulate, Merge
from verger_spark.python_task import python_task

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator
    from pyspark.sql import DataFrame

BLOCK_ROWS = 16_384
"""Rows in a block, about: its sum is one row of 6.6 MB for 84 MB of features, half a second of a core."""

FAN_IN = 8
"""Blocks merged into one at each level of the tree, about: by their hash, some get twice as many."""

LAST = 8
"""Sums that are merged on the driver, at the most: 53 MB."""


def sum_up(rows: DataFrame, photos: int, seen: Accumulator[int]) -> Moments | None:
    """The moments of all rows (path, features as bytes), None without any: summed by block on the workers, merged as a
    tree, the last few on the driver. Of `photos`, about how many rows there are, comes the number of blocks.
    """
    from pyspark.sql import functions as F

    blocks = max(1, -(-photos // BLOCK_ROWS))
    # `repartition` sends a row to the partition pmod(hash(path), blocks): with the same expression as block number,
    # each partition holds one block.
    numbered = rows.select(F.expr(f"pmod(hash(path), {blocks})").alias("block"), "path", "features")
    sums = (
        numbered.repartition(blocks, "path")
        .sortWithinPartitions("block", "path")
        .mapInArrow(python_task(Accumulate(seen)), MOMENTS_SCHEMA)
    )
    while blocks > LAST:
        blocks = -(-blocks // FAN_IN)
        # Again the number is the partition: with numbers of another kind, several would share one.
        numbered = sums.withColumn("parent", F.expr(f"pmod(hash(block), {blocks})"))
        parents = numbered.repartition(blocks, "block").sortWithinPartitions("parent", "block")
        sums = parents.mapInArrow(python_task(Merge()), MOMENTS_SCHEMA)
    last = sorted(sums.collect(), key=lambda row: row["block"])
    return Moments.merged(bytes(row["moments"]) for row in last) if last else None
