"""Step 2: features -> PCA coordinates. Keeps as many components as explain the target share of the variance.

    spark-submit --py-files verger_spark.zip pca.py \\
        --plan s3://bucket/runs/ID/plan.json \\
        --pca s3://bucket/pca/run=ID --basis s3://bucket/models/pca/run=ID \\
        --drift s3://bucket/runs/ID/drift --metrics s3://bucket/runs/ID/pca.json

The plan says which feature runs hold the current rows, which of their rows are dead, which runs are copied into one
without them, and whether the published basis may be kept. By hand, `--features URI [URI ...]` comes in its place:
every row counts, and the basis is fitted.

The definition is that of `pyspark.ml.feature.PCA`: eigenvectors of the covariance, projection of the uncentred
vectors. The rows are summed in blocks that depend on the photos' paths alone, in the order of the paths, and the
blocks are merged in the order of their numbers: however the photos were partitioned, the basis is the same.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verger_contract.plan import BasisPolicy, BasisRequest
from verger_contract.schemas import FEATURES, FEATURES_WIDTH, PCA
from verger_spark.errors import VergerError
from verger_spark.io import plan_file, storage, table_file
from verger_spark.io.feature_files import FeatureFiles
from verger_spark.pca.compaction import compact
from verger_spark.pca.current_rows import Current, current_files
from verger_spark.session import open_session, run
from verger_spark.stopwatch import Stopwatch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from verger_spark.pca.choice import Choice
    from verger_spark.pca.covariance import Moments

BY_HAND = BasisRequest(policy=BasisPolicy.REFIT, reason="run by hand, without a plan")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line. All places are URIs, `s3://bucket/key` or `file:///path`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--plan", metavar="URI", help="JSON: feature runs, their dead rows, the basis wanted")
    source.add_argument("--features", nargs="+", metavar="URI", help="folders that step 1 wrote; not those in them")
    parser.add_argument("--photos", type=int, metavar="N", help="rows of --features, about (default: they are counted)")
    parser.add_argument("--cores", type=int, default=0, help="cores there will be (default: those there are now)")
    parser.add_argument("--pca", required=True, metavar="URI", help="Parquet written: path, label, pca_features")
    parser.add_argument(
        "--basis", required=True, metavar="URI", help="folder written unless the published basis is kept: the PCAModel"
    )
    parser.add_argument("--drift", metavar="URI", help="Parquet written: how new photos differ, label by label")
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
    if parsed.photos is not None and parsed.photos < 1:
        parser.error(f"--photos: expected at least 1, found {parsed.photos}")
    if parsed.max_components < 1:
        parser.error(f"--max-components: expected at least 1, found {parsed.max_components}")
    return parsed


def main() -> None:
    """Read the command line, choose the basis, project, write coordinates, basis, drift and metrics."""
    arguments = parse(sys.argv[1:])
    watch = Stopwatch()
    plan = plan_file.read(arguments.plan) if arguments.plan else None
    weights = storage.read_json(f"{arguments.model.rstrip('/')}/model.json").get("weights") if arguments.model else None
    watch.lap("plan")
    spark = open_session("verger pca")
    watch.lap("startup")
    compacted = compact(spark, plan.compact, plan.compacted_deletes, plan.into) if plan and plan.into else 0
    files = current_files(plan) if plan else FeatureFiles.of(arguments.features)
    current = Current.of(spark, files, arguments.cores)
    watch.lap("compact")
    request = plan.basis if plan else BY_HAND
    # A number that depends on the photos alone, as the plan's: by it they are divided into blocks.
    photos = plan.listed if plan else arguments.photos or files.count()
    reduced = reduce(spark, arguments, request, current, photos=photos, weights=weights, watch=watch)
    new = plan.new if plan else None
    drift = measure_drift(spark, arguments, new, reduced.choice, reduced.moments) if arguments.drift else None
    watch.lap("drift")
    metrics = {
        **reduced.facts,
        "k": reduced.choice.k,
        "explained_variance_ratio": None if reduced.choice.shares is None else reduced.choice.shares.tolist(),
        "basis": reduced.basis,
        "drift": drift,
        "compacted": compacted,
        "started_at": watch.started_at,
        "seconds": watch.seconds(),
        "application": spark.sparkContext.applicationId,
    }
    storage.write_json(arguments.metrics, metrics)
    say(metrics)


@dataclass(frozen=True)
class Reduced:
    """The moments of all rows, what was chosen by them, what is said of both in the metrics and beside the basis, and
    which basis is used and why.
    """

    moments: Moments
    choice: Choice
    facts: dict[str, Any]
    basis: dict[str, str | None]


def reduce(
    spark: SparkSession,
    arguments: argparse.Namespace,
    request: BasisRequest,
    current: Current,
    *,
    photos: int,
    weights: Any,
    watch: Stopwatch,
) -> Reduced:
    """Sum up the current rows, choose the basis, write it and the coordinates of every photo."""
    from verger_spark.io.progress import Progress
    from verger_spark.pca.choice import choose
    from verger_spark.pca.summing import sum_up

    storage.remove(arguments.pca)  # what an earlier try left

    seen = spark.sparkContext.accumulator(0)
    application = spark.sparkContext.applicationId
    progress = Progress(arguments.progress, "pca", application, photos, lambda: seen.value // 2)  # each is read twice
    with progress:
        moments = sum_up(current.rows(), photos, seen)
        if not moments:
            raise VergerError(f"{arguments.plan or ' '.join(arguments.features)}: no current features of any photo")
        progress.total = moments.count  # without the rejects
        choice = choose(request, moments, arguments.target_variance, arguments.max_components)
        watch.lap("fit")
        facts = {
            "photos": moments.count,
            "target_variance": arguments.target_variance,
            "explained_variance": choice.explained_variance,
            "weights": weights,
            "spark": spark.version,
        }
        used = settle_basis(arguments.basis, request, choice, facts)
        projected = current.project(choice.components, arguments.pca, seen)
    if projected != moments.count:
        raise VergerError(f"{arguments.pca}: expected {moments.count:,} photos, found {projected:,}; start a new run")
    table_file.complete(arguments.pca, len(current.groups.value))
    watch.lap("project")
    return Reduced(moments, choice, facts, used)


def settle_basis(uri: str, request: BasisRequest, choice: Choice, facts: dict[str, Any]) -> dict[str, str | None]:
    """Save a basis that was fitted to `uri`; for one that was kept, leave nothing there. Which is used, and why."""
    from verger_spark.pca import basis_files

    if choice.fitted:
        basis_files.save(choice.fitted, uri, facts)
    else:
        storage.remove(uri)  # of an earlier try of this run, which had reason to fit
    return {
        "action": "refitted" if choice.fitted else "kept",
        "policy": request.policy.value,
        "reason": choice.decision.reason,
        "uri": uri if choice.fitted else request.published,
    }


def measure_drift(
    spark: SparkSession, arguments: argparse.Namespace, features: str | None, choice: Choice, moments: Moments
) -> dict[str, Any] | None:
    """How the new photos, those with `features`, differ from the earlier ones; None, and no table, unless there are
    both.
    """
    from verger_spark.pca import drift

    count = FeatureFiles.of([features]).count() if features else 0
    if features is None or not 0 < count < moments.count:
        storage.remove(arguments.drift)
        return None
    new = spark.read.schema(FEATURES.ddl).parquet(features)
    components = spark.sparkContext.broadcast(choice.components)
    coordinates = spark.read.schema(PCA.ddl).parquet(arguments.pca)
    share = drift.explained_of(new, components, moments.mean) if choice.shares is not None else None
    labels = drift.write(drift.by_label(coordinates, new, count), arguments.drift)
    return {"new": count, "explained_variance": share, "labels": labels}


def say(metrics: dict[str, Any]) -> None:
    """What a person reads at the end of the step's log."""
    share, basis = metrics["explained_variance"], metrics["basis"]
    explained = "no variance to explain" if share is None else f"explained variance {share:.4f}"
    random = metrics["weights"] == "random"
    of_weights = " (random weights: the numbers mean nothing)" if random else ""
    print(f"verger: {metrics['photos']:,} photos, k = {metrics['k']}, {explained}{of_weights}")
    print(f"verger: basis {basis['action']}: {basis['reason']}")
    if metrics["compacted"]:
        print(f"verger: {metrics['compacted']:,} rows of earlier runs compacted")


if __name__ == "__main__":
    sys.exit(run(main))
