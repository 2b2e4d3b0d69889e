"""What the tasks check_features and check_projections do with the verdict of a verification step, without Airflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from verger import attempts
from verger.attempts import VERIFICATIONS, completed, with_attempts
from verger.changes.known_rejects import FailedRun
from verger.changes.manifest import write_manifest
from verger.changes.plan import Plan
from verger.changes.run_tables import Comparison
from verger.context import RunContext
from verger.publication import commit
from verger.s3 import artifacts
from verger.tables.parquet import TableError
from verger.validation.check import ValidationError
from verger.validation.features import same_identity, share_of_rejects
from verger.validation.record import record
from verger_contract.keys import KNOWN_REJECTS
from verger_contract.verification.check import Check
from verger_contract.verification.verdict import VERIFY_FEATURES, VERIFY_PCA


@dataclass(frozen=True)
class Verified:
    """A verdict (see `verger_contract.verification.verdict.Verdict`)."""

    checks: list[Check]
    file_lists: Mapping[str, str]
    measured: Mapping[str, Any] | None


def verdict(run_context: RunContext, step: str) -> Verified:
    """Return the verdict of a verification step on the attempts that the run uses.

    Parameters
    ----------
    run_context
        Its run has the attempts of the steps.
    step
        `verify_features` or `verify_pca`.

    Raises
    ------
    ValidationError
        There is none, it is malformed, or it is about other attempts.
    """
    run, found = run_context.run, completed(run_context, step)
    task = VERIFICATIONS[step]
    used = {"featurize": run.featurize_attempt}
    if step != VERIFY_FEATURES:
        used["pca"] = run.pca_attempt
    try:
        verified, checks = found["verified"], [Check(**row) for row in found["checks"]]
        lists, measured = dict(found["file_lists"]), found["measured"]
    except (KeyError, TypeError, ValueError) as error:
        raise ValidationError(
            f"{run.uri(run.metrics(step))}: expected a verdict, found something else "
            f"({type(error).__name__}: {error}); clear create_cluster and the tasks downstream of it"
        ) from error
    if verified != used:
        raise ValidationError(
            f"{run.uri(run.metrics(step))}: expected the verdict on the attempts {used}, found that on {verified}: "
            f"another attempt has completed since; nothing is published: clear {task} and all that follows it"
        )
    return Verified(checks, lists, measured)


def check_features(run_context: RunContext, made: Plan) -> None:
    """Read the verdict on the tables of step 1, and write the manifest.

    Raises
    ------
    ValidationError, CommitConflictError, AlreadyPublishedError
    """
    published, run_context = (
        commit.base_snapshot(run_context.client, run_context.run, made.etag),
        with_attempts(run_context, "featurize"),
    )
    client, run, limits = run_context.client, run_context.run, run_context.settings.validation
    found = verdict(run_context, VERIFY_FEATURES)
    checks = [same_identity(made, completed(run_context, "featurize")), *found.checks]
    with _refusing(run_context, "featurize"):
        record(client, run, "features", checks)
        comparison = Comparison(run_context.store, run, published, made.full_refresh, made.retry_all_rejects, made.lost)
        rejects = write_manifest(client, comparison, made)
    share = share_of_rejects(made.photos["listed"], rejects, limits.max_rejects_share, accepted=made.accept_rejects)
    if not share.passed:
        sha256 = artifacts.identity(client, run_context.settings.storage).sha256
        run_context.write_json(
            KNOWN_REJECTS,
            asdict(FailedRun(run.id, made.etag, sha256, [*(part.run for part in made.manifests), run.id])),
        )
    record(client, run, "features", [*checks, share])
    # Step 2 reads the features that were checked, also when another attempt of step 1 starts in the meantime.
    run_context.write_json(run.plan, made.for_step(run, found.file_lists).document())


@contextmanager
def _refusing(run_context: RunContext, step: str) -> Iterator[None]:
    """Record the refusal of the step's output when a check of the block fails or finds a damaged file."""
    try:
        yield
    except (ValidationError, TableError) as error:
        attempts.refuse(run_context, step, str(error))
        raise type(error)(f"{error}\nClear {step} and all that follows it: the step then repeats its work") from error


def prepare_projections_check(run_context: RunContext, made: Plan) -> None:
    """Write the manifest again if step 2 compacted feature runs: it names the one that this attempt wrote.

    Raises
    ------
    ValidationError, CommitConflictError, AlreadyPublishedError
    """
    commit.check_may_write(run_context.client, run_context.run)
    run_context = with_attempts(run_context, "featurize", "pca")
    if made.compacted(run_context.run):
        comparison = Comparison(
            run_context.store,
            run_context.run,
            commit.base_snapshot(run_context.client, run_context.run, made.etag),
            made.full_refresh,
            made.retry_all_rejects,
            made.lost,
        )
        write_manifest(run_context.client, comparison, made)


def check_projections(run_context: RunContext, made: Plan) -> None:
    """Read the verdict on the tables of step 2.

    Raises
    ------
    ValidationError, CommitConflictError, AlreadyPublishedError
    """
    commit.check_may_write(run_context.client, run_context.run)
    run_context = with_attempts(run_context, "featurize", "pca")
    found = verdict(run_context, VERIFY_PCA)
    with _refusing(run_context, "pca"):
        record(run_context.client, run_context.run, "pca", found.checks)
    run_context.write_json(run_context.run.spread, found.measured)
