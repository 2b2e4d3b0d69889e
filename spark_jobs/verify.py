r"""The verification steps: they check the tables that step 1 or step 2 wrote.

    spark-submit --py-files verger_spark.zip verify.py \
        --table features --plan s3://bucket/runs/ID/plan.json --work s3://bucket/runs/ID/work.parquet \
        --featurize-metrics s3://bucket/runs/ID/featurize.json --images s3://bucket \
        --model s3://bucket/artifacts/SHA256/model --verdict s3://bucket/runs/ID/verify_features.json

`--table features` verifies the features and the rejects of step 1, `--table pca` the coordinates of step 2. The step
reads what was written: of the metrics of the steps it uses only the names of the folders. Every new row and every byte
of the new files is read; of earlier tables the names, sizes and ETags of the files. The plan can demand that all rows
are read. The SHA-256 of each file is compared with the file list. The verdict has the SHA-256 of the file lists, to
which later readers hold the files.

The step of the features also computes the features of some photos again from their bytes. The step of the coordinates
also searches for suspects (`--suspects`): photos whose label may be wrong, outliers and near duplicates. In its URI,
`{attempt}` stands for the attempt of step 2. Suspects are no check.

A check that fails does not fail the step: the verdict has all checks, and Airflow's task decides. The step fails only
when it cannot check, for example because S3 denies the access.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import secrets
import sys
from dataclasses import replace

from verger_contract.errors import VergerError, one_line
from verger_contract.keys import ATTEMPT
from verger_contract.photos import HASH_BITS
from verger_contract.plan import StepPlan
from verger_contract.preprocessing import Decoding
from verger_contract.verification.check import Check
from verger_contract.verification.verdict import VERIFY_FEATURES, VERIFY_PCA, Verdict
from verger_spark.attempt import Attempt
from verger_spark.features.model import load_model
from verger_spark.io import plan_file, storage
from verger_spark.session import LazySession, run_and_exit
from verger_spark.stopwatch import Stopwatch
from verger_verify import basis, coordinates, features
from verger_verify.features import Recompute, Samples, Verified
from verger_verify.measures.sample import SampledPhoto
from verger_verify.measures.spread import Measured
from verger_verify.recomputed import Photos
from verger_verify.suspects import of_run
from verger_verify.tables.work import Cluster


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line. All locations are URIs, `s3://bucket/key` or `file:///path`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", required=True, choices=["features", "pca"], help="what is verified")
    parser.add_argument("--plan", required=True, metavar="URI", help="JSON: the plan of the run")
    parser.add_argument("--work", metavar="URI", help="Parquet: the photos of step 1")
    parser.add_argument("--featurize-metrics", required=True, metavar="URI", help="JSON: names the folders of step 1")
    parser.add_argument("--pca-metrics", metavar="URI", help="JSON: names the folders of step 2")
    parser.add_argument("--images", required=True, metavar="URI", help="what the paths of the photos are relative to")
    parser.add_argument("--model", required=True, metavar="URI", help="the model folder of an artifact set")
    parser.add_argument("--decoding", type=Decoding, choices=[*Decoding], default=Decoding.EXACT)
    parser.add_argument("--target-variance", type=float, default=0.90, help="share to explain (default: 0.90)")
    parser.add_argument("--neighbour-sample", type=int, default=1000, help="photos whose neighbours are checked")
    parser.add_argument("--recomputed", type=int, default=100, help="photos whose features are computed again")
    parser.add_argument("--cores", type=int, default=0, help="cores of the cluster (default: those at the start)")
    parser.add_argument("--suspects", metavar="URI", help="output, folder: photos to look at, of --table pca")
    parser.add_argument("--verdict", required=True, metavar="URI", help="output, JSON, written at the end")
    parser.add_argument("--progress", metavar="URI", help="output, JSON, written every few seconds")
    parser.add_argument("--of-attempts", default="", help="names the attempts that are verified, for the list of steps")
    parsed = parser.parse_args(arguments)
    needed = {"features": "work", "pca": "pca_metrics"}[parsed.table]
    if getattr(parsed, needed) is None:
        parser.error(f"--table {parsed.table}: expected --{needed.replace('_', '-')}, found none")
    return parsed


def main() -> None:
    """Parse the command line, verify the tables, write the verdict, and print its result."""
    print_summary(write_verdict(parse(sys.argv[1:])))


def write_verdict(arguments: argparse.Namespace) -> list[Check]:
    """Verify the tables, write the verdict, and return its checks."""
    watch = Stopwatch()
    session = LazySession(f"verger verify {arguments.table}", watch)
    attempt = Attempt.begin(arguments.verdict, session)
    metrics = {"featurize": completed(arguments.featurize_metrics)}
    if arguments.table == "pca":
        metrics["pca"] = completed(arguments.pca_metrics)
    step = VERIFY_FEATURES if arguments.table == "features" else VERIFY_PCA
    watch.lap("plan")
    with attempt.explaining():
        cluster = Cluster(
            session,
            arguments.cores,
            lambda total, done: attempt.progress(session, arguments.progress, step, total, done),
        )
        verified = verify(arguments, metrics, cluster)
    watch.lap("verify")
    verdict: Verdict = {
        "checks": [dataclasses.asdict(check) for check in verified.checks],
        "verified": {name: str(found.get("attempt", "")) for name, found in metrics.items()},
        "file_lists": verified.file_lists,
        "measured": verified.measured,
        "bytes_read": verified.bytes,
        "started_at": watch.started_at,
        "seconds": watch.seconds(),
        "application": session.application,
        "attempt": attempt.id,
    }
    attempt.complete(verdict)
    return verified.checks


def verify(arguments: argparse.Namespace, metrics: dict[str, dict[str, object]], cluster: Cluster) -> Verified:
    """Verify the tables that the metrics name."""
    samples = Samples(
        neighbours=arguments.neighbour_sample,
        again=arguments.recomputed,
        salt=secrets.randbits(HASH_BITS),
    )

    def compute_again(sample: list[SampledPhoto]) -> Check:
        return Photos(arguments.images, arguments.decoding, load_model(arguments.model)).check(sample)

    recompute: Recompute | None = compute_again if samples.again else None
    outputs = outputs_of(metrics["featurize"], arguments.featurize_metrics, "features", "rejects")
    if arguments.table == "features":
        return features.verify(
            cluster,
            features.Written(work=arguments.work, features=outputs["features"], rejects=outputs["rejects"]),
            samples,
            recompute,
        )
    plan = plan_file.read(arguments.plan)
    written = written_of(plan, metrics["pca"], arguments.pca_metrics, arguments.target_variance)
    verified = coordinates.verify(cluster, written, samples, recompute)
    if arguments.suspects and all(check.passed for check in verified.checks):
        find_suspects(cluster, written, arguments.suspects.replace(ATTEMPT, str(metrics["pca"].get("attempt", ""))))
    return verified


def find_suspects(cluster: Cluster, written: coordinates.Written, folder: str) -> None:
    """Search for suspects. An error does not fail the step: the verified data are right without them."""
    try:
        found = of_run.update(cluster, written, folder).suspects
    except Exception as error:  # noqa: BLE001 - any error, for the reason above
        print(f"verger: suspects were not searched for: {one_line(error)}", file=sys.stderr)
        return
    print(f"verger: {found.photos:,} photos compared, {len(found.rows):,} suspects in {folder}")


def completed(uri: str) -> dict[str, object]:
    """Return the metrics of a step that has completed.

    Raises
    ------
    VergerError
        There are none, or the newest attempt of the step has not completed.
    """
    found = storage.read_json(uri)
    if "outputs" not in found:
        raise VergerError(
            f"{uri}: expected the metrics of a step that has completed, found {', '.join(found) or 'nothing'}; clear "
            "the task that submitted the step, with its downstream tasks"
        )
    return found


def outputs_of(metrics: dict[str, object], uri: str, *names: str) -> dict[str, str]:
    """Return the URIs of the written folders by name, each with a slash at the end. `names` must be among them."""
    found = metrics["outputs"]
    if not isinstance(found, dict) or not {*names} <= {*found}:
        raise VergerError(f"{uri}: expected outputs {', '.join(names)}, found {found}; start a new run")
    return {name: f"{str(folder).rstrip('/')}/" for name, folder in found.items()}


def written_of(plan: StepPlan, metrics: dict[str, object], uri: str, target: float) -> coordinates.Written:
    """Return what step 2 wrote, and what it is compared with."""
    outputs = outputs_of(metrics, uri, "pca")
    kept = plan.basis.published if "basis" not in outputs else None
    found = kept or outputs.get("basis")
    if found is None:
        raise VergerError(f"{uri}: expected the basis of step 2 among the outputs, found {outputs}; start a new run")
    into = outputs.get("compacted") if plan.into else None
    made = replace(plan, into=into) if into else plan
    written = coordinates.Written(
        plan=made,
        pca=outputs["pca"],
        basis=found,
        is_kept=kept is not None,
        saved=basis.read(found),
        target=target,
        measured=None,
    )
    return replace(written, measured=measured_of(written)) if written.is_update else written


def measured_of(written: coordinates.Written) -> Measured | None:
    """Return what the verification of the published run measured. None if it is lost, damaged or of another basis."""
    of_plan = written.plan.verification
    if not of_plan.measured or not storage.exists(of_plan.measured):
        return None
    try:
        found = Measured.parse(json.loads(storage.read(of_plan.measured)))
    except (KeyError, TypeError, ValueError):
        return None
    is_usable = found.basis == written.basis_name and found.features.count == of_plan.photos
    return found if is_usable else None


def print_summary(checks: list[Check]) -> None:
    """Print the result for the log of the step."""
    failed = [check for check in checks if not check.passed]
    print(f"verger: {len(checks) - len(failed)} of {len(checks)} checks passed")
    for check in failed:
        print(f"verger: {check.name}: expected {check.expected}, found {check.found}; {check.detail}")


if __name__ == "__main__":
    run_and_exit(main)
