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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verger_spark import storage
from verger_spark.compaction import compact
from verger_spark.current import Current
from verger_spark.errors import VergerError
from verger_spark.folders import remove
from verger_spark.layout import FEATURES_WIDTH, PCA_SCHEMA
from verger_spark.plan import Plan
from verger_spark.policy import Policy, Wanted
from verger_spark.session import open_session, run
from verger_spark.stopwatch import Stopwatch

if TYPE_CHECKING:
    from pyspark.accumulators import Accumulator
    from pyspark.sql import DataFrame, SparkSession

    from verger_spark.choice import Choice
    from verger_spark.covariance import Moments

BY_HAND = Wanted(Policy.REFIT, reason="run by hand, without a plan")


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line. All places are URIs, `s3://bucket/key` or `file:///path`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--plan", metavar="URI", help="JSON: feature runs, their dead rows, the basis wanted")
    source.add_argument("--features", nargs="+", metavar="URI", help="what step 1 wrote, one or more folders")
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
    if parsed.max_components < 1:
        parser.error(f"--max-components: expected at least 1, found {parsed.max_components}")
    return parsed


def main() -> None:
    """Read the command line, choose the basis, project, write coordinates, basis, drift and metrics."""
    arguments = parse(sys.argv[1:])
    watch = Stopwatch()
    plan = Plan.read(arguments.plan) if arguments.plan else None
    weights = storage.read_json(f"{arguments.model.rstrip('/')}/model.json").get("weights") if arguments.model else None
    spark = open_session("verger pca")
    watch.lap("startup")
    compacted = compact(spark, plan.compact, plan.dropped, plan.into) if plan and plan.into else 0
    current = Current.of(spark, plan) if plan else Current.by_hand(spark, arguments.features)
    watch.lap("compact")
    wanted = plan.basis if plan else BY_HAND
    reduced = reduce(spark, arguments, wanted, current.rows, weights=weights, watch=watch)
    drift = measure_drift(spark, arguments, current.new, reduced.choice, reduced.moments) if arguments.drift else None
    watch.lap("drift")
    metrics = {
        **reduced.facts,
        "k": reduced.choice.k,
        "explained_variance_ratio": None if reduced.choice.shares is None else reduced.choice.shares.tolist(),
        "basis": reduced.basis,
        "drift": drift,
        "compacted": compacted,
        "seconds": watch.seconds(),
    }
    storage.write_json(arguments.metrics, metrics)
    say(metrics)


@dataclass(frozen=True)
class Reduced:
    """The moments of all rows, what was chosen by them, what is said of both in the metrics and beside the basis, and
    which basis is used and why."""

    moments: Moments
    choice: Choice
    facts: dict[str, Any]
    basis: dict[str, str | None]


def reduce(
    spark: SparkSession,
    arguments: argparse.Namespace,
    wanted: Wanted,
    rows: DataFrame,
    *,
    weights: Any,
    watch: Stopwatch,
) -> Reduced:
    """Sum up the rows (path, label, features), choose the basis, write it and the coordinates of every photo."""
    from verger_spark.choice import choose
    from verger_spark.progress import Progress
    from verger_spark.summing import sum_up

    photos = rows.count()
    if not photos:
        raise VergerError(f"{arguments.plan or ' '.join(arguments.features)}: no current features of any photo")
    seen = spark.sparkContext.accumulator(0)
    progress = Progress(arguments.progress, "pca", photos, lambda: seen.value // 2)  # each is read twice
    with progress, ThreadPoolExecutor(1) as side_by_side:
        moments = sum_up(rows, photos, seen)
        choice = choose(spark, wanted, moments, arguments.target_variance, arguments.max_components)
        watch.lap("fit")
        facts = {
            "photos": moments.count,
            "target_variance": arguments.target_variance,
            "explained_variance": choice.explained_variance,
            "weights": weights,
            "spark": spark.version,
        }
        # The basis is written while the photos are projected: neither waits for the other.
        settling = side_by_side.submit(settle_basis, spark, arguments.basis, wanted, choice, facts)
        # Hardly two numbers are equal: a dictionary of them is built, found too large and thrown away.
        no_dictionary = {"parquet.enable.dictionary#pca_features.list.element": "false"}
        project(spark, rows, choice, seen).write.mode("overwrite").options(**no_dictionary).parquet(arguments.pca)
        used = settling.result()
    watch.lap("project")
    return Reduced(moments, choice, facts, used)


def project(spark: SparkSession, rows: DataFrame, choice: Choice, seen: Accumulator[int]) -> DataFrame:
    """The coordinates of every photo, k of them."""
    from verger_spark.pca_task import Project

    components = spark.sparkContext.broadcast(choice.components)
    return rows.select("path", "label", "features").mapInArrow(Project(components, seen).__call__, PCA_SCHEMA)


def settle_basis(
    spark: SparkSession, uri: str, wanted: Wanted, choice: Choice, facts: dict[str, Any]
) -> dict[str, str | None]:
    """Save a basis that was fitted to `uri`; for one that was kept, leave nothing there. Which is used, and why."""
    from verger_spark import basis as basis_files

    if choice.fitted:
        basis_files.save(spark, choice.fitted, uri, facts)
    else:
        remove(spark, uri)  # of an earlier try of this run, which had reason to fit
    return {
        "action": "refitted" if choice.fitted else "kept",
        "policy": wanted.policy.value,
        "reason": choice.decision.reason,
        "uri": uri if choice.fitted else wanted.published,
    }


def measure_drift(
    spark: SparkSession, arguments: argparse.Namespace, new: DataFrame | None, choice: Choice, moments: Moments
) -> dict[str, Any] | None:
    """How the new photos differ from the earlier ones; None, and no table, unless there are both."""
    from verger_spark import drift

    count = new.count() if new is not None else 0
    if new is None or not 0 < count < moments.count:
        remove(spark, arguments.drift)
        return None
    components = spark.sparkContext.broadcast(choice.components)
    coordinates = spark.read.schema(PCA_SCHEMA).parquet(arguments.pca)
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
