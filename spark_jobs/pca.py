"""Step 2: features -> PCA coordinates. Keeps as many components as explain the target share of the variance.

    spark-submit --py-files verger_spark.zip pca.py \\
        --inventory s3://bucket/runs/ID/inventory.parquet --features s3://bucket/features/run=ID \\
        --pca s3://bucket/pca/run=ID --basis s3://bucket/models/pca/run=ID \\
        --metrics s3://bucket/runs/ID/pca.json

The definition is that of `pyspark.ml.feature.PCA`: eigenvectors of the covariance, projection of the uncentred
vectors. The rows are summed in blocks that depend on the photos' paths alone, in the order of the paths, and the
blocks are merged in the order of their numbers: however the photos were partitioned, the basis is the same.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from verger_spark import storage
from verger_spark.errors import VergerError
from verger_spark.layout import FEATURES_SCHEMA, FEATURES_WIDTH, PCA_SCHEMA
from verger_spark.session import open_session, run

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator
    from pyspark.sql import DataFrame, SparkSession

    from verger_spark.covariance import Moments
    from verger_spark.spectrum import Basis

BLOCK_ROWS = 4096
"""Rows in a block, about: its sum is one row of 6.6 MB for 21 MB of features."""

FAN_IN = 16
"""Blocks merged into one at each level of the tree; as many at the most are merged on the driver."""


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line. All places are URIs, `s3://bucket/key` or `file:///path`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inventory", required=True, metavar="URI", help="Parquet: path, etag of every current photo")
    parser.add_argument(
        "--features", required=True, nargs="+", metavar="URI", help="what step 1 wrote, one or more runs"
    )
    parser.add_argument("--pca", required=True, metavar="URI", help="Parquet written: path, label, pca_features")
    parser.add_argument("--basis", required=True, metavar="URI", help="folder written: the PCAModel and its spectrum")
    parser.add_argument("--metrics", required=True, metavar="URI", help="JSON written when all is done")
    parser.add_argument("--progress", metavar="URI", help="JSON rewritten every few seconds")
    parser.add_argument("--model", metavar="URI", help="the model folder: its weights are named beside the basis")
    parser.add_argument(
        "--target-variance", type=float, default=0.90, help="share to explain, in (0, 1] (default: 0.90)"
    )
    parser.add_argument("--max-components", type=int, default=FEATURES_WIDTH, help="fail above this k (default: 1280)")
    parsed = parser.parse_args(arguments)
    if not 0 < parsed.target_variance <= 1:
        parser.error(f"--target-variance: expected more than 0 and at most 1, found {parsed.target_variance:g}")
    if parsed.max_components < 1:
        parser.error(f"--max-components: expected at least 1, found {parsed.max_components}")
    return parsed


def main() -> None:
    """Read the command line, fit the basis, project, write coordinates, basis and metrics."""
    arguments = parse(sys.argv[1:])
    started = time.monotonic()
    weights = storage.read_json(f"{arguments.model.rstrip('/')}/model.json").get("weights") if arguments.model else None
    spark = open_session("verger pca")
    features = current_features(spark, arguments)
    first = features.select("features").head()
    if first is None:
        raise VergerError(
            f"{' '.join(arguments.features)}: no features of a photo in {arguments.inventory}; expected at least two"
        )
    width = len(first["features"])
    photos = features.count()
    ready = time.monotonic()

    from verger_spark import basis as basis_files
    from verger_spark.progress import Progress
    from verger_spark.spectrum import fit

    seen = spark.sparkContext.accumulator(0)
    # Every photo is read twice: once for the covariance, once to be projected.
    with Progress(arguments.progress, "pca", photos, lambda: seen.value // 2):
        moments = sum_up(features, photos, width, seen)
        basis = fit(moments, arguments.target_variance, arguments.max_components)
        fitted = time.monotonic()
        project(spark, features, basis, seen).write.mode("overwrite").parquet(arguments.pca)
    facts = {
        "photos": photos,
        "target_variance": arguments.target_variance,
        "explained_variance": basis.explained_variance,
        "weights": weights,
        "spark": spark.version,
    }
    basis_files.save(spark, basis, arguments.basis, facts)
    done = time.monotonic()
    seconds = {"startup": ready - started, "fit": fitted - ready, "project": done - fitted, "total": done - started}
    metrics = {
        **facts,
        "k": basis.k,
        "explained_variance_ratio": basis.explained_variance_ratio[: basis.k].tolist(),
        "basis": "refit",
        "seconds": {stage: round(value, 2) for stage, value in seconds.items()},
    }
    storage.write_json(arguments.metrics, metrics)
    of_weights = f" ({weights} weights: the numbers mean nothing)" if weights == "random" else ""
    print(f"verger: {photos:,} photos, k = {basis.k}, explained variance {basis.explained_variance:.4f}{of_weights}")


def current_features(spark: SparkSession, arguments: argparse.Namespace) -> DataFrame:
    """The features (path, label, features) of the photos that the inventory lists, in the version it lists."""
    features = spark.read.schema(FEATURES_SCHEMA).parquet(*arguments.features)
    inventory = spark.read.parquet(arguments.inventory).select("path", "etag")
    return features.join(inventory, ["path", "etag"], "left_semi").select("path", "label", "features")


def sum_up(features: DataFrame, photos: int, width: int, seen: Accumulator[int]) -> Moments:
    """The moments of all rows: summed by block on the workers, merged as a tree, the last few on the driver."""
    from pyspark.sql import functions as F

    from verger_spark.pca_task import MOMENTS_SCHEMA, Accumulate, Merge, merged

    blocks = -(-photos // BLOCK_ROWS)
    # `repartition` sends a row to the partition pmod(hash(path), blocks): with the same expression as block number,
    # each partition holds one block.
    numbered = features.select(F.expr(f"pmod(hash(path), {blocks})").alias("block"), "path", "features")
    sums = (
        numbered.repartition(blocks, "path")
        .sortWithinPartitions("block", "path")
        .mapInArrow(Accumulate(width, seen).__call__, MOMENTS_SCHEMA)
    )
    while blocks > FAN_IN:
        blocks = -(-blocks // FAN_IN)
        parents = sums.repartition(blocks, F.expr(f"block div {FAN_IN}")).sortWithinPartitions("block")
        sums = parents.mapInArrow(Merge(FAN_IN).__call__, MOMENTS_SCHEMA)
    # One partition rather than `orderBy`, which would compute all sums twice, once to sample its ranges.
    last = sums.repartition(1).sortWithinPartitions("block")
    return merged(bytes(row["moments"]) for row in last.toLocalIterator())


def project(spark: SparkSession, features: DataFrame, basis: Basis, seen: Accumulator[int]) -> DataFrame:
    """The coordinates of every photo, k of them."""
    from verger_spark.pca_task import Project

    components = spark.sparkContext.broadcast(basis.components)
    return features.mapInArrow(Project(components, seen).__call__, PCA_SCHEMA)


if __name__ == "__main__":
    sys.exit(run(main))
