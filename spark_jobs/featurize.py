"""Step 1: photos -> features. MobileNetV2 over every photo of an inventory.

    spark-submit --py-files verger_spark.zip featurize.py \\
        --images s3://bucket --images-prefix images/ --inventory s3://bucket/runs/ID/work.parquet \\
        --model s3://bucket/artifacts/SHA256/model \\
        --features s3://bucket/features/run=ID --rejects s3://bucket/rejects/run=ID \\
        --metrics s3://bucket/runs/ID/featurize.json

Every photo of the inventory gets exactly one row: in the features, or in the rejects with the reason. The inventory and
the photos, fetched ahead, are read by the Python workers themselves, and features are written by them: nothing of it
enters the JVM. A task is told no more than the number of its share, which says what is in it and how its file is
called. The first pass writes the features; whatever then has none is looked at again and gets its reason, so that a
task run twice cannot put a photo in both places or in neither. A step that is submitted again, with the same inventory
and the same model, finds by the metrics and the files that all is done, and leaves it as it is.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from typing import TYPE_CHECKING, TypedDict

from verger_contract.metrics import FeaturizeMetrics
from verger_contract.reasons import REPEATED_BY_THE_STEP
from verger_contract.schemas import FEATURES, REJECTS
from verger_spark.features.inventory import Inventory
from verger_spark.features.splits import LARGEST, Shares
from verger_spark.io import storage, table_file
from verger_spark.io.feature_files import FeatureFiles
from verger_spark.python_task import python_task
from verger_spark.session import open_session, run
from verger_spark.stopwatch import Stopwatch

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import SparkSession

    from verger_spark.features.model import Model
    from verger_spark.features.tasks import Work


class Identity(TypedDict):
    """What identifies the work of step 1: the ETag of the inventory, the URI of the model and its SHA-256."""

    work: str
    model: str
    model_sha256: str


REJECT_TASKS_PER_CORE = 4
"""Of the second pass, at the most; each writes a file."""


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
    parser.add_argument("--rejects", required=True, metavar="URI", help="Parquet written: path, etag, kind, reason")
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
    from verger_spark.features.model import Featurizer, Model

    model = Model.load(arguments.model)
    # The address of the model is that of the artifact set: other code may come to other results.
    identity: Identity = {
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
    inventory = Inventory(arguments.inventory)
    len(inventory)  # that it is one
    watch.lap("model")
    spark = open_session("verger featurize")
    watch.lap("startup")
    metrics = featurize(spark, arguments, model, inventory, watch, identity)
    storage.write_json(arguments.metrics, metrics)
    of_weights = " (random weights: the features mean nothing)" if model.weights == "random" else ""
    print(f"verger: {metrics['featurized']:,} photos featurized, {metrics['rejected']:,} rejected{of_weights}")


def featurize(
    spark: SparkSession,
    arguments: argparse.Namespace,
    model: Model,
    inventory: Inventory,
    watch: Stopwatch,
    identity: Identity,
) -> FeaturizeMetrics:
    """Write the features and rejects of all photos of the inventory; the metrics."""
    # While the folders are being rewritten, no metrics may vouch for them.
    storage.delete(arguments.metrics)
    total = len(inventory)
    done: dict[int, int] = {}
    work = None
    if total:
        work = work_of(spark, arguments, inventory)
        done = write_features(spark, arguments, model, work)
    else:
        write_empty(arguments.features, FEATURES.arrow)
    seconds = watch.lap("featurize")
    rejects = write_rejects(spark, arguments, work, done)
    watch.lap("rejects")
    return {
        "photos": total,
        "featurized": sum(done.values()),
        "rejected": sum(rejects.values()),
        "rejects": rejects,
        "weights": model.weights,
        "photos_per_second": round(total / seconds, 1),
        "started_at": watch.started_at,
        "seconds": watch.seconds(),
        "spark": spark.version,
        "application": spark.sparkContext.applicationId,
        **identity,
    }


def done_before(arguments: argparse.Namespace, identity: Identity) -> int | None:
    """The number of photos that an earlier try featurized, if it did all of the same work with the same model.

    None where there is no such try, or it rejected photos that may be readable by now.
    """
    if not (storage.exists(arguments.metrics) and storage.exists(f"{arguments.features.rstrip('/')}/_SUCCESS")):
        return None
    metrics = storage.read_json(arguments.metrics)
    same = all(metrics.get(name) == value for name, value in identity.items())
    if not same or REPEATED_BY_THE_STEP & set(metrics["rejects"]):
        return None
    # What was written is asked, not what the metrics claim: a task that outlived its application writes late.
    return (
        int(metrics["featurized"]) if FeatureFiles.of([arguments.features]).count() == metrics["featurized"] else None
    )


def work_of(spark: SparkSession, arguments: argparse.Namespace, inventory: Inventory) -> Work:
    """All photos of an inventory that has any, in shares for the cores that there will be."""
    from verger_spark.features.tasks import Photos, Work

    cores = arguments.cores or spark.sparkContext.defaultParallelism
    photos = Photos(arguments.images, arguments.images_prefix)
    return Work(photos, inventory, Shares.of(len(inventory), cores, arguments.photos_per_task), arguments.features)


def write_features(spark: SparkSession, arguments: argparse.Namespace, model: Model, work: Work) -> dict[int, int]:
    """First pass: the features of every photo that can be read, written by the workers; how many, by share."""
    from verger_spark.features.tasks import Featurize
    from verger_spark.io.progress import Progress

    storage.remove(arguments.features)  # what an earlier try left
    seen, broadcast = spark.sparkContext.accumulator(0), spark.sparkContext.broadcast(model)
    task = python_task(Featurize(work, broadcast, seen))
    application, count, total = spark.sparkContext.applicationId, len(work.shares), len(work.inventory)
    with Progress(arguments.progress, "featurize", application, total, lambda: seen.value):
        # Two numbers for each share: a sum by Spark would lie on the nodes, be lost with one, and the share done again.
        # And no DataFrame: to plan and compile a query takes longer than a hundred photos.
        written = spark.sparkContext.parallelize(range(count), count).mapPartitions(task).collect()
    table_file.complete(arguments.features, count)
    return dict(written)


def write_rejects(
    spark: SparkSession, arguments: argparse.Namespace, work: Work | None, done: dict[int, int]
) -> dict[str, int]:
    """Second pass: the reason for every photo without features. The counts by kind of reason, most frequent first.

    `done`: how many photos of each share have features.
    """
    from verger_spark.features.tasks import Reject

    storage.remove(arguments.rejects)
    missing = [share for share, photos in sorted(done.items()) if work and photos < work.shares.rows(share).many]
    if not work or not missing:
        write_empty(arguments.rejects, REJECTS.arrow)
        return {}
    count = min(len(missing), REJECT_TASKS_PER_CORE * (arguments.cores or spark.sparkContext.defaultParallelism))
    groups = [missing[number::count] for number in range(count)]
    task = python_task(Reject(work, spark.sparkContext.broadcast(groups), arguments.rejects))
    found: Counter[str] = Counter()
    for kind, photos in spark.sparkContext.parallelize(range(count), count).mapPartitions(task).collect():
        found[kind] += photos
    table_file.complete(arguments.rejects, count)
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


def write_empty(folder: str, schema: pyarrow.Schema) -> None:
    """A table without rows is a table still."""
    storage.remove(folder)
    table_file.write(folder, 0, schema.empty_table())
    table_file.complete(folder, 1)


if __name__ == "__main__":
    sys.exit(run(main))
