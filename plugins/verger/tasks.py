"""What the tasks of the DAG do, without Airflow.

The tasks pass data to each other by files in the run's folder. Every task may be repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from verger import run_snapshot
from verger.attempts import completed, with_attempts
from verger.changes import inventory, known_rejects, lost_files, run_tables
from verger.changes.full_refresh import FeatureIdentity, full_refresh
from verger.changes.manifest import write_manifest
from verger.changes.params import RunParams
from verger.changes.plan import Plan, decide
from verger.changes.run_base import RunBase
from verger.changes.run_tables import Comparison
from verger.checks import verdict
from verger.cluster_plan.history import earlier_runs
from verger.cluster_plan.pace import Pace
from verger.cluster_plan.plan import in_words
from verger.context import RunContext
from verger.publication import commit, coordinates, intact
from verger.publication.model import Publication, Snapshot
from verger.run_snapshot import Results
from verger.s3 import artifacts, clients
from verger.s3.artifacts import ArtifactError
from verger.s3.errors import StorageError
from verger.validation.check import ValidationError
from verger.validation.files import require_checked
from verger_contract.keys import KNOWN_REJECTS, SPARK_EVENTS, Run
from verger_contract.preprocessing import Decoding, preprocessing
from verger_contract.verification.verdict import VERIFY_FEATURES, VERIFY_PCA

log = logging.getLogger(__name__)


def list_images(run_context: RunContext, now: datetime) -> str | None:
    """Write the run marker and the inventory of the run.

    Returns
    -------
    str or None
        The ETag of the published.json that the run may replace; None when there is none yet.

    Raises
    ------
    AlreadyPublishedError, PublicationError
        See `verger.publication.commit.start_run`.
    StorageError
        The bucket is missing, lies in another region, may not be listed, or holds no photos.
    """
    client, run, storage = run_context.client, run_context.run, run_context.settings.storage
    # First the marker, then the listing: a run that publishes in between causes a commit conflict for this run.
    base = commit.start_run(client, run, now)
    clients.check_region(client, storage)
    prefix, requests = storage.images_prefix, storage.list_requests
    listed = inventory.write_inventory(client, run.bucket, prefix, run.inventory, requests)
    if not listed.photos:
        _check_emptiness(run_context, listed.ignored, base.publication.current if base else None)
    return base.etag if base else None


def _check_emptiness(run_context: RunContext, ignored: int, published: Snapshot | None) -> None:
    """Raise StorageError when there are no photos, unless the published snapshot is empty too."""
    if published and published.run is None:
        return
    message = (
        f"{run_context.run.uri(run_context.settings.storage.images_prefix)}: expected photos in folders named by their "
        f"label, found none (ignored: {ignored:,} hidden files and folder markers); upload photos there or correct "
        "VERGER_IMAGES_PREFIX"
    )
    if published:
        message += (
            f". {published.photos:,} photos are published: if all were deleted on purpose, run "
            "`python -m verger.publication unpublish`"
        )
    raise StorageError(message)


def plan(run_context: RunContext, etag: str | None, params: RunParams, now: datetime) -> Plan:
    """Compare the inventory with the published manifest, decide what the run does, and write the plan for the steps.

    Parameters
    ----------
    etag
        The result of `list_images`.

    Raises
    ------
    CommitConflictError, AlreadyPublishedError, PlanError, ArtifactError
    """
    client, run, settings = run_context.client, run_context.run, run_context.settings
    published = commit.base_snapshot(run_context.client, run_context.run, etag)
    built = artifacts.identity(client, settings.storage)
    identity = FeatureIdentity(
        built.model_sha256, preprocessing(settings.featurize.decoding, built.preprocessing_version)
    )
    failed = known_rejects.failed_run(lambda: run_context.read_json(KNOWN_REJECTS), etag, built.sha256)
    base = RunBase(
        published=intact.usable(client, run.bucket, published) if published else None,
        etag=etag,
        identity=identity,
        full_refresh=full_refresh(published, identity, settings.storage.images_prefix, requested=params.full_refresh),
        # A new artifact set may read photos that the previous one rejected.
        retry_all_rejects=params.retry_rejects or bool(published and published.artifacts != built.sha256),
        lost=tuple(
            lost_files.find(
                client, run.bucket, lost_files.of_features(run.bucket, published), _file_lists(run, published)
            )
        ),
        lost_projections=tuple(_lost_projections(run_context, published)),
        known_rejects=run.uri(failed.keys(run.bucket)[-1]) if failed else "",
        pace=Pace.of(earlier_runs(run_context, identity.preprocessing), settings.featurize.decoding),
    )
    comparison = Comparison(
        run_context.store, run, published, bool(base.full_refresh), base.retry_all_rejects, base.lost, failed
    )
    made = run_tables.write_work(client, comparison, lambda tally: decide(run, tally, base, params, settings, now=now))
    run_context.write_json(run.plan, made.for_step(run).document())
    run_context.write_json(run.cluster, made.cluster.document())
    log.info("%s: %s", "to do" if made.work else "nothing to do yet" if made.waiting else "nothing to do", made.why)
    if made.work:
        log.info("cluster: %s", in_words(made.cluster))
    return made


def _lost_projections(run_context: RunContext, published: Snapshot | None) -> list[str]:
    run, client = run_context.run, run_context.client
    prefixes = coordinates.prefixes(run.bucket, published) if published else []
    return lost_files.find(client, run.bucket, prefixes, _file_lists(run, published))


def _file_lists(run: Run, published: Snapshot | None) -> dict[str, str]:
    return published.file_lists(run.bucket) if published else {}


def stage_artifacts(run_context: RunContext, made: Plan) -> dict[str, str]:
    """Verify the artifact set that the cluster needs, and upload it unless the bucket has it.

    Returns
    -------
    dict
        See `verger.s3.artifacts.stage`.

    Raises
    ------
    ArtifactError
        The set is incomplete, or its features would not be those of the plan.
    """
    # Spark fails when the folder of its event logs is missing. In S3 a folder is an empty object whose key ends in `/`.
    if run_context.settings.cluster.event_log_in_bucket:
        run_context.client.put_object(Bucket=run_context.run.bucket, Key=SPARK_EVENTS, Body=b"")
    staged = artifacts.stage(run_context.client, run_context.settings)
    # The plan has the decoding, also when VERGER_DECODING was changed since then. The set has the version.
    decoding = Decoding(made.decoding)
    found = FeatureIdentity(staged["model_sha256"], preprocessing(decoding, int(staged["preprocessing_version"])))
    if found != made.identity:
        raise ArtifactError(
            f"artifact set {staged['uri']}: the run was planned with {made.identity}; found {found}: "
            "features that differ for the same photo would be mixed; clear anything_to_do and all that follows it"
        )
    return staged


def publish_run(run_context: RunContext, made: Plan, staged: Mapping[str, str], now: datetime) -> Publication:
    """Publish the run. A second try of a published run changes nothing.

    Parameters
    ----------
    staged
        The result of `stage_artifacts`.

    Raises
    ------
    CommitConflictError
        `published.json` was replaced since this run started.
    ValidationError
        The checks have no counts.
    MissingDataError
        Data of the run is missing.
    """
    client, run = run_context.client, run_context.run
    # Check for a commit conflict first: vacuum may have deleted this run's files.
    done = commit.already_published(client, run, made.etag)
    if done:
        return done
    run_context = with_attempts(run_context, "featurize", "pca")
    run, metrics = run_context.run, completed(run_context, "pca")
    checks = run_context.read_json(run.validation) or {}
    require_checked(run, checks, [run.features, run.rejects, *_tables_of_pca(run, made)])
    verified = {
        uri: sha256
        for step in (VERIFY_FEATURES, VERIFY_PCA)
        for uri, sha256 in verdict(run_context, step).file_lists.items()
    }
    new = run_snapshot.snapshot(run, made, Results(checks, metrics, verified), staged=staged, now=now)
    return commit.publish(client, run, new, made.etag)


def publish_without_cluster(run_context: RunContext, made: Plan, now: datetime) -> Publication:
    """Publish that rejected photos were deleted. Features, projections and basis stay those of the published snapshot.

    A second try of a published run changes nothing.

    Raises
    ------
    CommitConflictError, AlreadyPublishedError, MissingDataError
        See `publish_run`.
    """
    client, run = run_context.client, run_context.run
    done = commit.already_published(client, run, made.etag)
    if done:
        return done
    published = commit.base_snapshot(run_context.client, run_context.run, made.etag)
    if published is None:
        raise ValidationError(f"run {run.id}: expected a published snapshot to keep, found none; start a new run")
    comparison = Comparison(run_context.store, run, published, False, False, featurizes=False)
    write_manifest(client, comparison, made)
    published_run = Run(run.bucket, str(published.run), pca_attempt=published.pca_attempt)
    run_tables.copy_statistics(client, published_run, replace(run, pca_attempt=published.pca_attempt))
    new = run_snapshot.without_deleted_rejects(published, run, made, now)
    return commit.publish(client, run, new, made.etag)


def _tables_of_pca(run: Run, made: Plan) -> list[str]:
    compacted = made.compacted(run)
    return [run.pca, *([Run(run.bucket, compacted).features] if compacted else [])]
