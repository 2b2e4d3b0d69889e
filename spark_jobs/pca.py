r"""Step 2: projects the features of all current photos onto principal components.

    spark-submit --py-files verger_spark.zip pca.py \
        --plan s3://bucket/runs/ID/plan.json \
        --pca s3://bucket/pca/run=ID~{attempt} --basis s3://bucket/models/pca/run=ID~{attempt} \
        --drift s3://bucket/runs/ID/drift~{attempt} --metrics s3://bucket/runs/ID/pca.json

In the URIs of the outputs, `{attempt}` stands for an id that each attempt of the step chooses (`verger_spark.attempt`).

The number of components is the smallest that explains the target share of the variance.

The plan names the feature runs that hold the current rows, the table of their deleted rows, the feature runs to
compact, and the published basis if it may be kept. Without a plan, `--features URI [URI ...]` names folders of which
every row is current, and a new basis is fitted.

The definition is that of `pyspark.ml.feature.PCA`: eigenvectors of the covariance, projection of the uncentred vectors.
Rows are summed in blocks. The path of a photo determines its block and its place in the block, and the sums are merged
in the order of the block numbers. The basis is therefore the same for every partitioning of the photos.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from verger_contract.errors import VergerError
from verger_contract.metrics import BasisMetrics, DriftMetrics, PcaMetrics
from verger_contract.plan import BasisPolicy, BasisRequest, StepPlan
from verger_contract.schemas import FEATURES, FEATURES_WIDTH, PCA
from verger_spark.attempt import Attempt
from verger_spark.io import plan_file, storage, table_file
from verger_spark.io.feature_files import FeatureFiles
from verger_spark.pca.compaction import compact
from verger_spark.pca.current_rows import CurrentFeatures, current_files
from verger_spark.session import open_session, run
from verger_spark.stopwatch import Stopwatch

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from verger_spark.pca.choice import Choice
    from verger_spark.pca.covariance import Moments

WITHOUT_PLAN = BasisRequest(policy=BasisPolicy.REFIT, reason="run by hand, without a plan")


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line. All locations are URIs, `s3://bucket/key` or `file:///path`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--plan", metavar="URI", help="JSON: feature runs, their deleted rows, the basis")
    source.add_argument("--features", nargs="+", metavar="URI", help="folders of step 1; their subfolders are not read")
    parser.add_argument("--photos", type=int, metavar="N", help="approximate rows of --features (default: counted)")
    parser.add_argument("--cores", type=int, default=0, help="cores of the cluster (default: those at the start)")
    parser.add_argument("--pca", required=True, metavar="URI", help="output, Parquet: path, label, pca_features")
    parser.add_argument(
        "--basis", required=True, metavar="URI", help="output, folder of the PCAModel, unless a basis is kept"
    )
    parser.add_argument("--drift", metavar="URI", help="output, Parquet: how new photos differ, for each label")
    parser.add_argument("--metrics", required=True, metavar="URI", help="output, JSON, written at the end")
    parser.add_argument("--progress", metavar="URI", help="output, JSON, written every few seconds")
    parser.add_argument("--model", metavar="URI", help="the model folder; spectrum.json names its weights")
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
    """Parse the command line, choose the basis, and write coordinates, basis, drift and metrics."""
    arguments = parse(sys.argv[1:])
    watch = Stopwatch()
    plan = plan_file.read(arguments.plan) if arguments.plan else None
    weights = storage.read_json(f"{arguments.model.rstrip('/')}/model.json").get("weights") if arguments.model else None
    watch.lap("plan")
    spark = open_session("verger pca")
    watch.lap("startup")
    attempt = Attempt.begin(arguments.metrics, spark.sparkContext.applicationId)
    with attempt.explaining():
        metrics = write_outputs(spark, arguments, plan, attempt, weights=weights, watch=watch)
    attempt.complete(metrics)
    print_summary(metrics)


def write_outputs(
    spark: SparkSession,
    arguments: argparse.Namespace,
    plan: StepPlan | None,
    attempt: Attempt,
    *,
    weights: str | None,
    watch: Stopwatch,
) -> PcaMetrics:
    """Compact feature runs, write coordinates, basis and drift, and return the metrics."""
    if plan and plan.into:
        plan = replace(plan, into=attempt.folder(plan.into))
    into = plan.into if plan else None
    compacted = compact(spark, plan.compact, plan.compacted_deletes, into, plan.lost) if plan and into else 0
    files = current_files(plan) if plan else FeatureFiles.of(arguments.features)
    current = CurrentFeatures.of(spark, files, arguments.cores)
    watch.lap("compact")
    request = plan.basis if plan else WITHOUT_PLAN
    # This number determines the blocks of rows. It depends only on the photos, as the number in the plan does.
    photos = plan.listed if plan else arguments.photos or files.count()
    reduced = reduce(spark, arguments, request, current, attempt, photos=photos, weights=weights, watch=watch)
    drift_folder, new = attempt.folder(arguments.drift) if arguments.drift else None, plan.new if plan else None
    drift = measure_drift(spark, reduced, new, drift_folder) if drift_folder else None
    watch.lap("drift")
    ratio = reduced.choice.explained_variance_ratio
    return {
        "photos": reduced.moments.count,
        "target_variance": arguments.target_variance,
        "explained_variance": reduced.choice.explained_variance,
        "weights": weights,
        "spark": spark.version,
        "k": reduced.choice.k,
        "explained_variance_ratio": None if ratio is None else ratio.tolist(),
        "basis": reduced.basis,
        "drift": drift,
        "compacted": compacted,
        "started_at": watch.started_at,
        "seconds": watch.seconds(),
        "application": spark.sparkContext.applicationId,
        "attempt": attempt.id,
        "outputs": outputs_of(reduced, drift_folder if drift else None, into),
    }


def outputs_of(reduced: Reduced, drift: str | None, compacted: str | None) -> dict[str, str]:
    """Return the URIs of the written folders by name."""
    basis = reduced.basis["uri"] if reduced.choice.fitted else None
    outputs = {"pca": reduced.pca, "basis": basis, "drift": drift, "compacted": compacted}
    return {name: uri for name, uri in outputs.items() if uri}


@dataclass(frozen=True)
class Reduced:
    """The moments of all rows, the basis chosen by them, the member `basis` of the metrics, the coordinates' URI."""

    moments: Moments
    choice: Choice
    basis: BasisMetrics
    pca: str


def reduce(
    spark: SparkSession,
    arguments: argparse.Namespace,
    request: BasisRequest,
    current: CurrentFeatures,
    attempt: Attempt,
    *,
    photos: int,
    weights: str | None,
    watch: Stopwatch,
) -> Reduced:
    """Sum up the current rows, choose the basis, and write the basis and the coordinates of every photo."""
    from verger_spark.pca.choice import choose
    from verger_spark.pca.summing import sum_up

    pca = attempt.folder(arguments.pca)
    storage.delete_folder(pca)
    processed = spark.sparkContext.accumulator(0)
    # Every row is read twice: for the sums and for the projection.
    with attempt.progress(spark, arguments.progress, "pca", photos, lambda: processed.value // 2) as progress:
        moments = sum_up(current.packed(), photos, processed)
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
        basis = write_basis(attempt.folder(arguments.basis), request, choice, spark.version, facts)
        written = current.project(choice.components, pca, processed)
    if (projected := sum(file.rows for file in written)) != moments.count:
        raise VergerError(f"{pca}: expected {moments.count:,} photos, found {projected:,}; start a new run")
    table_file.mark_complete(pca, written)
    watch.lap("project")
    return Reduced(moments, choice, basis, pca)


def write_basis(
    uri: str, request: BasisRequest, choice: Choice, spark_version: str, facts: dict[str, object]
) -> BasisMetrics:
    """Save a fitted basis to `uri`. If the basis is kept, delete what an earlier attempt of this run saved there."""
    from verger_spark.pca import basis_files

    if choice.fitted:
        basis_files.save(choice.fitted, uri, spark_version, facts)
    else:
        storage.delete_folder(uri)
    return {
        "action": "refitted" if choice.fitted else "kept",
        "policy": request.policy.value,
        "reason": choice.decision.reason,
        "uri": uri if choice.fitted else request.published,
    }


def measure_drift(spark: SparkSession, reduced: Reduced, features: str | None, folder: str) -> DriftMetrics | None:
    """Compare the new photos with the earlier ones, and write the table of drift.

    Parameters
    ----------
    spark : SparkSession
    reduced : Reduced
    features : str or None
        URI of the feature run of the new photos.
    folder : str
        URI of the table of drift.

    Returns
    -------
    DriftMetrics or None
        None, and no table, unless there are both new and earlier photos.
    """
    from verger_spark.pca import drift

    choice, moments = reduced.choice, reduced.moments
    count = FeatureFiles.of([features]).count() if features else 0
    if features is None or not 0 < count < moments.count:
        storage.delete_folder(folder)
        return None
    new = spark.read.schema(FEATURES.ddl).parquet(features)
    components = spark.sparkContext.broadcast(choice.components)
    coordinates = spark.read.schema(PCA.ddl).parquet(reduced.pca)
    has_variance = choice.explained_variance_ratio is not None
    share = drift.explained_of(new, components, moments.mean) if has_variance else None
    labels = drift.write(drift.by_label(coordinates, new, count), folder)
    return {"new": count, "explained_variance": share, "labels": labels}


def print_summary(metrics: PcaMetrics) -> None:
    """Print the result for the log of the step."""
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
