"""Step 1: photos -> features. MobileNetV2 over every photo of an inventory.

    spark-submit --py-files verger_spark.zip featurize.py \\
        --images s3://bucket --images-prefix images/ --inventory s3://bucket/runs/ID/work.parquet \\
        --model s3://bucket/artifacts/SHA256/model \\
        --features s3://bucket/features/run=ID --rejects s3://bucket/rejects/run=ID \\
        --metrics s3://bucket/runs/ID/featurize.json

Every photo of the inventory gets exactly one row: in the features, or in the rejects with the reason. Photos are read
by the Python workers themselves, fetched ahead, and features are written by them: neither enters the JVM. The first
pass writes the features; whatever then has none is looked at again and gets its reason, so that a task run twice
cannot put a photo in both places or in neither. A step that is submitted again, with the same inventory and the same
model, finds by the metrics that all is done, and leaves it as it is.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from verger_spark import storage
from verger_spark.layout import FEATURES_SCHEMA, REJECTS_SCHEMA
from verger_spark.python_task import python_task
from verger_spark.session import open_session, run
from verger_spark.shares import LARGEST
from verger_spark.stopwatch import Stopwatch

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from verger_spark.model import Model


DONE_AGAIN = ("access denied", "unreadable at first")
"""Kinds of rejects for whose sake a step is submitted again, once the rights or the store are mended."""


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line. All places are URIs, `s3://bucket/key` or `file:///path`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, metavar="URI", help="what the inventory's paths are relative to")
    parser.add_argument("--images-prefix", default="", help="the part of a path before <label>/<file>")
    parser.add_argument(
        "--inventory", required=True, metavar="URI", help="Parquet: path, etag, size of every photo to do"
    )
    parser.add_argument("--model", required=True, metavar="URI", help="the model folder of an artifact set")
    parser.add_argument("--features", required=True, metavar="URI", help="Parquet written: path, label, etag, features")
    parser.add_argument("--rejects", required=True, metavar="URI", help="Parquet written: path, etag, reason")
    parser.add_argument("--metrics", required=True, metavar="URI", help="JSON written when all is done")
    parser.add_argument("--progress", metavar="URI", help="JSON rewritten every few seconds")
    parser.add_argument("--cores", type=int, help="cores that share the photos (default: those that Spark begins with)")
    parser.add_argument(
        "--photos-per-task", type=int, default=LARGEST, help=f"photos in a Spark task, at the most (default: {LARGEST})"
    )
    parsed = parser.parse_args(arguments)
    if parsed.cores is not None and parsed.cores < 1:
        parser.error(f"--cores: expected at least 1, found {parsed.cores}")
    if not 1 <= parsed.photos_per_task <= 1_000_000:
        parser.error(f"--photos-per-task: expected 1 to 1,000,000, found {parsed.photos_per_task}")
    return parsed


def main() -> None:
    """Read the command line, featurize, write features, rejects and metrics."""
    arguments = parse(sys.argv[1:])
    watch = Stopwatch()
    # All that can fail early does, before the first executor has anything to do.
    from verger_spark.model import Featurizer, Model

    model = Model.load(arguments.model)
    # The address of the model is that of the artifact set: other code may come to other results.
    identity = {
        "work": storage.fingerprint(arguments.inventory),
        "model": arguments.model,
        "model_sha256": model.sha256,
    }
    if (before := done_before(arguments, identity)) is not None:
        # On YARN a program that ends without ever having had a session counts as failed.
        open_session("verger featurize")
        print(f"verger: {before:,} photos were featurized by an earlier try of this run: nothing to do again")
        return
    Featurizer(model)
    metrics = {**featurize(open_session("verger featurize"), arguments, model, watch), **identity}
    storage.write_json(arguments.metrics, metrics)
    of_weights = " (random weights: the features mean nothing)" if model.weights == "random" else ""
    print(f"verger: {metrics['featurized']:,} photos featurized, {metrics['rejected']:,} rejected{of_weights}")


def featurize(spark: SparkSession, arguments: argparse.Namespace, model: Model, watch: Stopwatch) -> dict[str, Any]:
    """Write the features and rejects of all photos of the inventory; the metrics."""
    # While the folders are being rewritten, no metrics may vouch for them.
    storage.delete(arguments.metrics)
    inventory = spark.read.parquet(arguments.inventory).select("path", "etag", "size")
    total = inventory.count()
    watch.lap("startup")
    featurized = write_features(spark, arguments, model, inventory, total)
    seconds = watch.lap("featurize")
    rejects = write_rejects(spark, arguments, inventory, total - featurized)
    watch.lap("rejects")
    return {
        "photos": total,
        "featurized": featurized,
        "rejected": sum(rejects.values()),
        "rejects": rejects,
        "weights": model.weights,
        "photos_per_second": round(total / seconds, 1),
        "seconds": watch.seconds(),
        "spark": spark.version,
        "application": spark.sparkContext.applicationId,
    }


def done_before(arguments: argparse.Namespace, identity: dict[str, str]) -> int | None:
    """The number of photos that an earlier try featurized, if it did all of the same work with the same model.

    None where there is no such try, or it rejected photos that may be readable by now.
    """
    if not (storage.exists(arguments.metrics) and storage.exists(f"{arguments.features.rstrip('/')}/_SUCCESS")):
        return None
    metrics = storage.read_json(arguments.metrics)
    if any(metrics.get(name) != value for name, value in identity.items()) or set(DONE_AGAIN) & set(metrics["rejects"]):
        return None
    return int(metrics["featurized"])


def write_features(
    spark: SparkSession, arguments: argparse.Namespace, model: Model, inventory: DataFrame, total: int
) -> int:
    """First pass: the features of every photo that can be read, written by the workers; how many there are."""
    from pyspark.sql import functions as F

    from verger_spark import table_file
    from verger_spark.featurize_task import WRITTEN_SCHEMA, Featurize, Photos
    from verger_spark.progress import Progress
    from verger_spark.shares import bands, share_out

    storage.remove(arguments.features)  # what an earlier try left
    featurized = 0
    if total:
        seen, broadcast = spark.sparkContext.accumulator(0), spark.sparkContext.broadcast(model)
        task = Featurize(Photos(arguments.images, arguments.images_prefix), broadcast, arguments.features, seen)
        cores = arguments.cores or spark.sparkContext.defaultParallelism
        shared = share_out(inventory, bands(total, cores, arguments.photos_per_task))
        application = spark.sparkContext.applicationId
        with Progress(arguments.progress, "featurize", application, total, lambda: seen.value):
            written = shared.mapInArrow(python_task(task), WRITTEN_SCHEMA)
            featurized = written.agg(F.sum("photos")).head()[0]
    else:
        table_file.write(arguments.features, 0, table_file.FEATURES.empty_table())  # without rows it is a table still
    table_file.complete(arguments.features)
    return featurized


def write_rejects(
    spark: SparkSession, arguments: argparse.Namespace, inventory: DataFrame, missing: int
) -> dict[str, int]:
    """Second pass: the reason for every photo without features. The counts by kind of reason, most frequent first."""
    from pyspark.sql import functions as F

    from verger_spark import table_file
    from verger_spark.featurize_task import Photos, Reject

    if not missing:
        storage.remove(arguments.rejects)
        table_file.write(arguments.rejects, 0, table_file.REJECTS.empty_table())
        table_file.complete(arguments.rejects)
        return {}
    featurized = spark.read.schema(FEATURES_SCHEMA).parquet(arguments.features).select("path")
    task = Reject(Photos(arguments.images, arguments.images_prefix))
    without = inventory.join(featurized, "path", "left_anti")
    without.mapInArrow(python_task(task), REJECTS_SCHEMA).write.mode("overwrite").parquet(arguments.rejects)
    kind = F.substring_index("reason", " (", 1).alias("kind")
    counts = spark.read.schema(REJECTS_SCHEMA).parquet(arguments.rejects).groupBy(kind).count()
    return {row["kind"]: row["count"] for row in counts.orderBy(F.desc("count"), "kind").collect()}


if __name__ == "__main__":
    sys.exit(run(main))
