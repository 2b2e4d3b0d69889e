r"""Step 1: computes the features of every photo of an inventory with MobileNetV2.

    spark-submit --py-files verger_spark.zip featurize.py \
        --images s3://bucket --images-prefix images/ --inventory s3://bucket/runs/ID/work.parquet \
        --model s3://bucket/artifacts/SHA256/model \
        --features s3://bucket/features/run=ID~{attempt} --rejects s3://bucket/rejects/run=ID~{attempt} \
        --metrics s3://bucket/runs/ID/featurize.json

Every photo of the inventory gets exactly one row: in the features, or in the rejects with the reason.

The Python workers read the inventory, prefetch the photos and write the features. None of these data enter the JVM. The
input of a Spark task is only the number of its split, which determines the photos and the name of the output file. An
inventory that weighs no more than the smallest split is one task in the driver, and Spark does not start.

The first pass writes the features. The second pass reads every photo without features again and writes the reject. A
task that runs twice therefore cannot put a photo into both tables or into neither.

In the URIs of the outputs, `{attempt}` stands for an id that each attempt of the step chooses (`verger_spark.attempt`).

When the step is submitted a second time with the same inventory, the same model and the same preprocessing, it checks
the metrics and the files of the first time. If all work is done, it ends at once. Otherwise it copies the features of
the splits that the first attempt finished, and computes the others.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, TypedDict

from verger_contract.keys import ATTEMPT
from verger_contract.metrics import REFUSED, FeaturizeMetrics, ListedFile
from verger_contract.preprocessing import Decoding, preprocessing
from verger_contract.reasons import REPEATED_BY_THE_STEP
from verger_contract.schemas import FEATURES, REJECTS
from verger_spark.attempt import Attempt, found_metrics
from verger_spark.features.inventory import Inventory
from verger_spark.features.photo_errors import check_access
from verger_spark.features.splits import LARGEST, SMALLEST, Splits
from verger_spark.io import storage, table_file
from verger_spark.session import LazySession, run_and_exit
from verger_spark.stopwatch import Stopwatch
from verger_spark.task_runner import CountedRows, DriverTasks, SparkTasks, TaskRunner

if TYPE_CHECKING:
    from verger_photo.model import Model
    from verger_spark.features.tasks import Work

REJECT_TASKS_PER_CORE = 4
"""Maximum number of tasks of the second pass for each core. Each task writes a file."""


class Identity(TypedDict):
    """What identifies the work of the step.

    Attributes
    ----------
    inventory_etag : str
        ETag of the inventory.
    model : str
        URI of the model. It names the artifact set, and with it the version of the code.
    model_sha256 : str
        SHA-256 of the model.
    preprocessing : str
        See `verger_contract.preprocessing.preprocessing`.
    """

    inventory_etag: str
    model: str
    model_sha256: str
    preprocessing: str


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line. All locations are URIs, `s3://bucket/key` or `file:///path`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--images", required=True, metavar="URI", help="what the paths of the inventory are relative to"
    )
    parser.add_argument("--images-prefix", default="", help="the part of a path before <label>/<file>")
    parser.add_argument("--inventory", required=True, metavar="URI", help="Parquet: path, etag, size of every photo")
    parser.add_argument("--model", required=True, metavar="URI", help="the model folder of an artifact set")
    parser.add_argument(
        "--decoding",
        type=Decoding,
        choices=[*Decoding],
        default=Decoding.EXACT,
        help="how large JPEG files are decoded (default: exact)",
    )
    parser.add_argument("--features", required=True, metavar="URI", help="output, Parquet: path, label, etag, features")
    parser.add_argument("--rejects", required=True, metavar="URI", help="output, Parquet: path, etag, kind, reason")
    parser.add_argument("--metrics", required=True, metavar="URI", help="output, JSON, written at the end")
    parser.add_argument("--progress", metavar="URI", help="output, JSON, written every few seconds")
    parser.add_argument("--cores", type=int, help="cores that process the photos (default: those at the start)")
    parser.add_argument(
        "--photos-per-task",
        type=int,
        default=LARGEST,
        help=f"maximum number of photos in a task; a large file counts as several (default: {LARGEST})",
    )
    parsed = parser.parse_args(arguments)
    if parsed.cores is not None and parsed.cores < 1:
        parser.error(f"--cores: expected at least 1, found {parsed.cores}")
    if not 1 <= parsed.photos_per_task <= 1_000_000:
        parser.error(f"--photos-per-task: expected 1 to 1,000,000, found {parsed.photos_per_task}")
    return parsed


def main() -> None:
    """Parse the command line, featurize the photos, and write features, rejects and metrics."""
    arguments = parse(sys.argv[1:])
    watch = Stopwatch()
    # Errors of model and inventory appear here, before executors start.
    from verger_photo.model import Featurizer
    from verger_spark.features.model import load_model

    model = load_model(arguments.model)
    identity: Identity = {
        "inventory_etag": storage.etag(arguments.inventory),
        "model": arguments.model,
        "model_sha256": model.sha256,
        "preprocessing": preprocessing(arguments.decoding),
    }
    if (photos := photos_done(arguments, identity)) is not None:
        print(f"verger: {photos:,} photos were featurized by an earlier attempt of this run: nothing to do")
        return
    Featurizer(model)
    inventory = Inventory(arguments.inventory)
    len(inventory)  # raises VergerError for a file that is not an inventory
    watch.lap("model")
    session = LazySession("verger featurize", watch)
    attempt = Attempt.begin(arguments.metrics, session, identity)
    with attempt.explaining():
        metrics = featurize(session, arguments, model, inventory, attempt, watch=watch, identity=identity)
    attempt.complete(metrics)
    of_weights = " (random weights: the features mean nothing)" if model.weights == "random" else ""
    print(f"verger: {metrics['featurized']:,} photos featurized, {metrics['rejected']:,} rejected{of_weights}")


def featurize(
    session: LazySession,
    arguments: argparse.Namespace,
    model: Model,
    inventory: Inventory,
    attempt: Attempt,
    *,
    watch: Stopwatch,
    identity: Identity,
) -> FeaturizeMetrics:
    """Write features and rejects of all photos of the inventory, and return the metrics."""
    features, rejects = attempt.folder(arguments.features), attempt.folder(arguments.rejects)
    total = len(inventory)
    done: dict[int, ListedFile] = {}
    work = None
    runner = runner_of(session, arguments, inventory)
    if total:
        work = work_of(runner.cores, arguments, inventory, attempt, identity)
        processed = runner.counter()
        with attempt.progress(session, arguments.progress, "featurize", total, lambda: processed.value):
            done = write_features(runner, model, work, processed)
    else:
        table_file.write_empty(features, FEATURES.arrow)
    seconds = watch.lap("featurize")
    kinds = write_rejects(runner, work, rejects, done)
    featurized = sum(file.rows for file in done.values())
    check_access(arguments.images, featurized, kinds)
    watch.lap("rejects")
    return {
        "photos": total,
        "featurized": featurized,
        "rejected": sum(kinds.values()),
        "rejects": kinds,
        "weights": model.weights,
        "photos_per_second": round(total / seconds, 1),
        "started_at": watch.started_at,
        "seconds": watch.seconds(),
        "spark": session.version,
        "application": session.application,
        "attempt": attempt.id,
        "outputs": {"features": features, "rejects": rejects},
        **identity,
    }


def photos_done(arguments: argparse.Namespace, identity: Identity) -> int | None:
    """Return the number of photos that an earlier attempt featurized, if it did all of the same work.

    Returns
    -------
    int or None
        None if no earlier attempt did the same work with the same model and the same preprocessing, if a check refused
        its files, if a file that it listed is lost or replaced, or if it has rejects that the step tries again (see
        `REPEATED_BY_THE_STEP`).
    """
    metrics = found_metrics(arguments.metrics)
    same = all(metrics.get(name) == value for name, value in identity.items())
    if not same or REFUSED in metrics or REPEATED_BY_THE_STEP & {*metrics.get("rejects", REPEATED_BY_THE_STEP)}:
        return None
    folders = [metrics.get("outputs", {}).get(name) for name in ("features", "rejects")]
    whole = all(folder and table_file.is_whole(folder) for folder in folders)
    return metrics.get("featurized") if whole else None


def runner_of(session: LazySession, arguments: argparse.Namespace, inventory: Inventory) -> TaskRunner:
    """Return the driver if the photos are one small task, which takes less time than the start of Spark, else Spark."""
    photos = len(inventory)
    is_small = photos <= min(SMALLEST, arguments.photos_per_task) and (
        not photos or inventory.weights().total <= SMALLEST
    )
    return DriverTasks() if is_small else SparkTasks(session, arguments.cores)


def work_of(
    cores: int, arguments: argparse.Namespace, inventory: Inventory, attempt: Attempt, identity: Identity
) -> Work:
    """Split the photos of an inventory. It must have at least one."""
    from verger_spark.features.tasks import Photos, Work

    photos = Photos(arguments.images, arguments.images_prefix, arguments.decoding)
    splits = Splits.of(inventory.weights(), cores, arguments.photos_per_task)
    described = json.dumps([identity, splits.groups, arguments.images_prefix], sort_keys=True)
    earlier = tuple(arguments.features.replace(ATTEMPT, before) for before in attempt.earlier)
    features = attempt.folder(arguments.features)
    work = Work(photos, inventory, splits, features, hashlib.sha256(described.encode()).hexdigest())
    # Without {attempt} in the URI, all attempts have one folder, which is deleted.
    return replace(work, earlier=tuple(folder for folder in earlier if folder != features))


def write_features(runner: TaskRunner, model: Model, work: Work, processed: CountedRows) -> dict[int, ListedFile]:
    """Run the first pass: tasks write the features of every readable photo.

    Returns
    -------
    dict of int to ListedFile
        The file of each split.
    """
    from verger_spark.features.tasks import Featurize

    storage.delete_folder(work.features)
    written = dict(runner.run(Featurize(work, runner.share(model), processed), len(work.splits)))
    table_file.mark_complete(work.features, written.values())
    return written


def write_rejects(runner: TaskRunner, work: Work | None, folder: str, done: dict[int, ListedFile]) -> dict[str, int]:
    """Run the second pass: tasks write the reject of every photo without features.

    Parameters
    ----------
    runner : TaskRunner
    work : Work or None
        None if the inventory is empty.
    folder : str
        URI of the table of rejects.
    done : dict of int to ListedFile
        The file of features of each split.

    Returns
    -------
    dict of str to int
        Number of rejects by kind, largest first.
    """
    from verger_spark.features.tasks import Reject

    storage.delete_folder(folder)
    missing = [split for split, file in sorted(done.items()) if work and file.rows < work.splits.rows(split).row_count]
    if not work or not missing:
        table_file.write_empty(folder, REJECTS.arrow)
        return {}
    count = min(len(missing), REJECT_TASKS_PER_CORE * runner.cores)
    groups = [missing[number::count] for number in range(count)]
    written = runner.run(Reject(work, runner.share(groups), folder), count)
    found: Counter[str] = Counter()
    for _, kinds in written:
        found.update(kinds)
    table_file.mark_complete(folder, [file for file, _ in written])
    return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


if __name__ == "__main__":
    run_and_exit(main)
