r"""Step 2: projects the features of all current photos onto principal components.

    spark-submit --py-files verger_spark.zip pca.py \
        --plan s3://bucket/runs/ID/plan.json \
        --pca s3://bucket/pca/run=ID~{attempt} --basis s3://bucket/models/pca/run=ID~{attempt} \
        --statistics s3://bucket/runs/ID/statistics~{attempt} --drift s3://bucket/runs/ID/drift~{attempt} \
        --metrics s3://bucket/runs/ID/pca.json

In the URIs of the outputs, `{attempt}` stands for an id that each attempt of the step chooses (`verger_spark.attempt`).

The number of components is the smallest that explains the target share of the variance.

The plan names the feature runs that hold the current rows, the table of their deleted rows, the feature runs to
compact, and the published basis and statistics if they may be kept. With these the step reads only the photos that the
run adds and removes, and writes the coordinates of the new ones (`verger_spark.pca.reduction`). Without a plan,
`--features URI [URI ...]` names folders of which every row is current, and a new basis is fitted.

The definition is that of `pyspark.ml.feature.PCA`: eigenvectors of the covariance, projection of the uncentred vectors.
Rows are summed in blocks. The path of a photo determines its block and its place in the block, and the sums are merged
in the order of the block numbers. The basis is therefore the same for every partitioning of the photos.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from verger_contract.metrics import BasisMetrics, PcaMetrics
from verger_contract.plan import BasisPolicy, BasisRequest, StepPlan
from verger_contract.schemas import FEATURES_WIDTH
from verger_spark.attempt import Attempt
from verger_spark.io import plan_file, storage
from verger_spark.io.feature_files import FeatureFiles
from verger_spark.pca.compaction import compact
from verger_spark.pca.current_rows import current_files
from verger_spark.pca.reduction import Decision, Input, Written, decide, measure_drift, write
from verger_spark.pca.sums import statistics
from verger_spark.session import LazySession, RowCounter, run_and_exit
from verger_spark.stopwatch import Stopwatch

if TYPE_CHECKING:
    from verger_spark.pca.choice import Choice

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
    parser.add_argument("--statistics", metavar="URI", help="output, folder: sums that the next run updates")
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
    session = LazySession("verger pca", watch)
    attempt = Attempt.begin(arguments.metrics, session)
    with attempt.explaining():
        metrics = write_outputs(session, arguments, plan, attempt, weights=weights, watch=watch)
    attempt.complete(metrics)
    print_summary(metrics)


def write_outputs(
    session: LazySession,
    arguments: argparse.Namespace,
    plan: StepPlan | None,
    attempt: Attempt,
    *,
    weights: str | None,
    watch: Stopwatch,
) -> PcaMetrics:
    """Compact feature runs, write coordinates, basis, statistics and drift, and return the metrics."""
    if plan and plan.into:
        plan = replace(plan, into=attempt.folder(plan.into))
    into = plan.into if plan else None
    compacted = compact(session, plan.compact, plan.compacted_deletes, into, plan.lost) if plan and into else 0
    files = current_files(plan) if plan else FeatureFiles.of(arguments.features)
    watch.lap("compact")
    # This number determines the blocks of rows. It depends only on the photos, as the number in the plan does.
    photos = plan.listed if plan else arguments.photos or files.count()
    given = Input(session, arguments.cores, files, plan, photos, RowCounter(session))
    made = reduce(given, arguments, attempt, weights=weights, watch=watch)
    if arguments.statistics:
        statistics.save(made.written.statistics, attempt.folder(arguments.statistics))
    drift_folder = attempt.folder(arguments.drift) if arguments.drift else None
    drift = measure_drift(made.decision, made.written, drift_folder) if drift_folder else None
    watch.lap("drift")
    choice, ratio = made.decision.choice, made.decision.choice.explained_variance_ratio
    return {
        "photos": made.decision.moments.count,
        "full_pass": made.decision.published is None,
        "projected": made.written.rows,
        "target_variance": arguments.target_variance,
        "explained_variance": choice.explained_variance,
        "weights": weights,
        "spark": session.version,
        "k": choice.k,
        "explained_variance_ratio": None if ratio is None else ratio.tolist(),
        "basis": made.basis,
        "drift": drift,
        "compacted": compacted,
        "started_at": watch.started_at,
        "seconds": watch.seconds(),
        "application": session.application,
        "attempt": attempt.id,
        "outputs": outputs_of(arguments, made, attempt, drift_folder if drift else None, into),
    }


def outputs_of(
    arguments: argparse.Namespace, made: Reduced, attempt: Attempt, drift: str | None, compacted: str | None
) -> dict[str, str]:
    """Return the URIs of the written folders by name."""
    outputs = {
        "pca": attempt.folder(arguments.pca),
        "statistics": attempt.folder(arguments.statistics) if arguments.statistics else None,
        "basis": made.basis["uri"] if made.decision.choice.fitted else None,
        "drift": drift,
        "compacted": compacted,
    }
    return {name: uri for name, uri in outputs.items() if uri}


@dataclass(frozen=True)
class Reduced:
    """The chosen basis, what was written, and the member `basis` of the metrics."""

    decision: Decision
    written: Written
    basis: BasisMetrics


def reduce(
    given: Input, arguments: argparse.Namespace, attempt: Attempt, *, weights: str | None, watch: Stopwatch
) -> Reduced:
    """Choose the basis, and write the basis and the coordinates."""
    plan, processed = given.plan, given.processed
    request = plan.basis if plan else WITHOUT_PLAN
    total = given.updated() or given.photos

    def done() -> int:
        return processed.value // 2  # every row is read twice: for the sums and for the projection

    with attempt.progress(given.session, arguments.progress, "pca", total, done) as progress:
        source = arguments.plan or " ".join(arguments.features)
        decision = decide(given, request, arguments.target_variance, arguments.max_components, source=source)
        watch.lap("fit")
        facts = {
            "photos": decision.moments.count,
            "target_variance": arguments.target_variance,
            "explained_variance": decision.choice.explained_variance,
            "weights": weights,
            "spark": given.session.version,
        }
        basis = write_basis(attempt.folder(arguments.basis), request, decision.choice, given.session.version, facts)
        written = write(given, decision, attempt.folder(arguments.pca))
        progress.total = written.rows  # without the rejects and, in an update, the other photos
    watch.lap("project")
    return Reduced(decision, written, basis)


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


def print_summary(metrics: PcaMetrics) -> None:
    """Print the result for the log of the step."""
    share, basis = metrics["explained_variance"], metrics["basis"]
    explained = "no variance to explain" if share is None else f"explained variance {share:.4f}"
    random = metrics["weights"] == "random"
    of_weights = " (random weights: the numbers mean nothing)" if random else ""
    print(f"verger: {metrics['photos']:,} photos, k = {metrics['k']}, {explained}{of_weights}")
    which = "all" if metrics["full_pass"] else "new"
    print(f"verger: coordinates of {metrics['projected']:,} photos written ({which})")
    print(f"verger: basis {basis['action']}: {basis['reason']}")
    if metrics["compacted"]:
        print(f"verger: {metrics['compacted']:,} rows of earlier runs compacted")


if __name__ == "__main__":
    run_and_exit(main)
