"""Step 1: photos -> features. MobileNetV2 over every photo of an inventory.

    spark-submit --py-files verger_spark.zip featurize.py \\
        --images s3://bucket --images-prefix images/ --inventory s3://bucket/runs/ID/inventory.parquet \\
        --model s3://bucket/artifacts/SHA256/model \\
        --features s3://bucket/features/run=ID --rejects s3://bucket/rejects/run=ID \\
        --metrics s3://bucket/runs/ID/featurize.json

Every photo of the inventory gets exactly one row: in the features, or in the rejects with the reason. Photos are
read by the Python workers themselves, fetched ahead, and never pass through the JVM. The first pass writes the
features; whatever then has none is looked at again and gets its reason, so that a task run twice cannot put a
photo in both places or in neither.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from verger_spark import storage
from verger_spark.errors import VergerError
from verger_spark.layout import FEATURES_SCHEMA, REJECTS_SCHEMA
from verger_spark.session import open_session, run

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from verger_spark.model import Model


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line. All places are URIs, `s3://bucket/key` or `file:///path`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, metavar="URI", help="what the inventory's paths are relative to")
    parser.add_argument("--images-prefix", default="", help="the part of a path before <label>/<file>")
    parser.add_argument("--inventory", required=True, metavar="URI", help="Parquet: path, etag, size of every photo")
    parser.add_argument("--model", required=True, metavar="URI", help="the model folder of an artifact set")
    parser.add_argument("--features", required=True, metavar="URI", help="Parquet written: path, label, etag, features")
    parser.add_argument("--rejects", required=True, metavar="URI", help="Parquet written: path, etag, reason")
    parser.add_argument("--metrics", required=True, metavar="URI", help="JSON written when all is done")
    parser.add_argument("--progress", metavar="URI", help="JSON rewritten every few seconds")
    parser.add_argument("--photos-per-task", type=int, default=512, help="photos in a Spark task (default: 512)")
    parsed = parser.parse_args(arguments)
    if not 1 <= parsed.photos_per_task <= 1_000_000:
        parser.error(f"--photos-per-task: expected 1 to 1,000,000, found {parsed.photos_per_task}")
    return parsed


def main() -> None:
    """Read the command line, featurize, write features, rejects and metrics."""
    arguments = parse(sys.argv[1:])
    started = time.monotonic()
    # All that can fail early does, before the first executor has anything to do.
    from verger_spark.model import Featurizer, Model

    model = Model.load(arguments.model)
    Featurizer(model)
    spark = open_session("verger featurize")
    inventory = spark.read.parquet(arguments.inventory).select("path", "etag", "size")
    total = inventory.count()
    if total == 0:
        raise VergerError(f"{arguments.inventory}: lists no photo; expected at least one")
    ready = time.monotonic()
    write_features(spark, arguments, model, inventory, total)
    featurized = spark.read.schema(FEATURES_SCHEMA).parquet(arguments.features).count()
    done = time.monotonic()
    rejects = write_rejects(spark, arguments, inventory, total - featurized)
    seconds = {
        "startup": ready - started,
        "featurize": done - ready,
        "rejects": time.monotonic() - done,
        "total": time.monotonic() - started,
    }
    metrics: dict[str, Any] = {
        "photos": total,
        "featurized": featurized,
        "rejected": sum(rejects.values()),
        "rejects": rejects,
        "weights": model.weights,
        "model_sha256": model.sha256,
        "photos_per_second": round(total / seconds["featurize"], 1),
        "seconds": {stage: round(value, 2) for stage, value in seconds.items()},
        "spark": spark.version,
    }
    if featurized == 0:
        reasons = ", ".join(f"{kind}: {count:,}" for kind, count in rejects.items())
        raise VergerError(
            f"no photo readable: all {total:,} of {arguments.inventory} were rejected ({reasons}); "
            f"see {arguments.rejects}"
        )
    storage.write_json(arguments.metrics, metrics)
    of_weights = " (random weights: the features mean nothing)" if model.weights == "random" else ""
    print(f"verger: {featurized:,} photos featurized, {metrics['rejected']:,} rejected{of_weights}")


def write_features(
    spark: SparkSession, arguments: argparse.Namespace, model: Model, inventory: DataFrame, total: int
) -> None:
    """First pass: the features of every photo that can be read."""
    from verger_spark.featurize_task import Featurize, Photos
    from verger_spark.progress import Progress

    seen = spark.sparkContext.accumulator(0)
    task = Featurize(Photos(arguments.images, arguments.images_prefix), spark.sparkContext.broadcast(model), seen)
    tasks = max(-(-total // arguments.photos_per_task), min(total, spark.sparkContext.defaultParallelism))
    with Progress(arguments.progress, "featurize", total, lambda: seen.value):
        features = inventory.repartition(tasks).mapInArrow(task.__call__, FEATURES_SCHEMA)
        features.write.mode("overwrite").parquet(arguments.features)


def write_rejects(
    spark: SparkSession, arguments: argparse.Namespace, inventory: DataFrame, missing: int
) -> dict[str, int]:
    """Second pass: the reason for every photo without features. The counts by kind of reason, most frequent first."""
    from pyspark.sql import functions as F

    from verger_spark.featurize_task import Photos, Reject

    if missing:
        featurized = spark.read.schema(FEATURES_SCHEMA).parquet(arguments.features).select("path")
        task = Reject(Photos(arguments.images, arguments.images_prefix))
        without = inventory.join(featurized, "path", "left_anti")
        rejects = without.mapInArrow(task.__call__, REJECTS_SCHEMA)
    else:
        rejects = spark.createDataFrame([], REJECTS_SCHEMA)
    rejects.write.mode("overwrite").parquet(arguments.rejects)
    if not missing:
        return {}
    kind = F.substring_index("reason", " (", 1).alias("kind")
    counts = spark.read.schema(REJECTS_SCHEMA).parquet(arguments.rejects).groupBy(kind).count()
    return {row["kind"]: row["count"] for row in counts.orderBy(F.desc("count"), "kind").collect()}


if __name__ == "__main__":
    sys.exit(run(main))
