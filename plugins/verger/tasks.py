"""What the tasks of the DAG do, less Airflow. They leave each other files in the run's folder; each may be repeated."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from verger.changes import inventory, run_tables
from verger.changes.compare import Tally
from verger.changes.plan import Plan, RunParams, decide, full_refresh_reason
from verger.changes.run_tables import Comparison
from verger.context import RunContext
from verger.publication import build, commit
from verger.publication.model import Publication, Snapshot
from verger.s3 import artifacts, clients
from verger.s3.artifacts import ArtifactError
from verger.s3.errors import StorageError
from verger.validation.features import check_features as feature_checks
from verger.validation.features import share_of_rejects
from verger.validation.projections import check_projections as projection_checks
from verger.validation.record import record
from verger_contract.keys import SPARK_EVENTS

log = logging.getLogger(__name__)


def list_images(run_context: RunContext, now: datetime) -> str | None:
    """Write the fixed input of the run. Returns the ETag of the publication that the run may replace, None for none."""
    client, run, storage = run_context.client, run_context.run, run_context.settings.storage
    # Before the listing: who publishes from now on, publishes what this run has not seen.
    found = commit.begin(client, run, now)
    clients.check_region(client, storage)
    listed = inventory.write_inventory(client, run.bucket, storage.images_prefix, run.inventory)
    if not listed.photos:
        _check_emptiness(run_context, listed.ignored, found.publication.current if found else None)
    return found.etag if found else None


def _check_emptiness(run_context: RunContext, ignored: int, published: Snapshot | None) -> None:
    """No photo is no work where nothing is published on purpose; else it is a wrong prefix, or an accident."""
    if published and published.run is None:
        return
    message = (
        f"{run_context.run.uri(run_context.settings.storage.images_prefix)}: expected photos in folders named by their "
        f"label, found none ({ignored} other objects); upload photos there or correct VERGER_IMAGES_PREFIX"
    )
    if published:
        message += (
            f". {published.photos:,} photos are published: if all were deleted on purpose, "
            "`python -m verger.publication unpublish` takes them back"
        )
    raise StorageError(message)


def plan(run_context: RunContext, etag: str | None, params: RunParams, now: datetime) -> Plan:
    """Compare the inventory with what is published, decide what is to do, and write it down for the steps."""
    client, run = run_context.client, run_context.run
    published = _published(run_context, etag)
    artifacts_sha256, model_sha256 = artifacts.identity(run_context.settings.storage.artifacts_dir)
    full_refresh = full_refresh_reason(published, model_sha256, run_context.settings.storage.images_prefix, params)
    retry_all_rejects = params.retry_rejects or bool(published and published.artifacts != artifacts_sha256)

    def decided(tally: Tally) -> Plan:
        return decide(
            run,
            tally,
            published,
            params,
            run_context.settings,
            full_refresh=full_refresh,
            etag=etag,
            model_sha256=model_sha256,
            retry_all_rejects=retry_all_rejects,
            now=now,
        )

    made = run_tables.write_work(
        client, Comparison(run_context.store, run, published, bool(full_refresh), retry_all_rejects), decided
    )
    run_context.write_json(run.plan, made.for_step(run).document())
    log.info("%s: %s", "to do" if made.work else "nothing to do", made.why)
    return made


def stage_artifacts(run_context: RunContext, made: Plan) -> dict[str, str]:
    """Upload what the cluster needs. Raises ArtifactError, also when the model is not the one that was planned with."""
    # Spark starts no application whose folder of event logs is not there; S3 knows a folder by a key that ends in `/`.
    run_context.client.put_object(Bucket=run_context.run.bucket, Key=SPARK_EVENTS, Body=b"")
    staged = artifacts.stage(run_context.client, run_context.settings)
    if staged["model_sha256"] != made.model_sha256:
        raise ArtifactError(
            f"{run_context.settings.storage.artifacts_dir}: expected the model that the run was planned with "
            f"({made.model_sha256[:12]}), found {staged['model_sha256'][:12]}: features of two models would be mixed; "
            "clear anything_to_do and all that follows it"
        )
    return staged


def check_features(run_context: RunContext, made: Plan) -> None:
    """Check what step 1 wrote, and write the manifest. Raises ValidationError."""
    client, run, limits = run_context.client, run_context.run, run_context.settings.validation
    comparison = Comparison(
        run_context.store, run, _published(run_context, made.etag), made.full_refresh, made.retry_all_rejects
    )
    checks = feature_checks(run_context.store, run, limits)
    photos, rejected = run_tables.write_manifest(client, comparison, made.moved)
    record(client, run, "features", [*checks, share_of_rejects(photos, rejected, limits.max_rejects_share)])


def check_projections(run_context: RunContext, made: Plan, target_variance: float) -> None:
    """Check what step 2 wrote. Raises ValidationError."""
    run, limits = run_context.run, run_context.settings.validation
    commit.check_may_write(run_context.client, run)
    basis = build.basis_run(run, made, _metrics(run_context))
    checks = projection_checks(run_context.store, run, made, limits, basis_run=basis, target_variance=target_variance)
    record(run_context.client, run, "pca", checks)


def publish_run(run_context: RunContext, made: Plan, staged: Mapping[str, str], now: datetime) -> Publication:
    """Publish the run. Raises CommitConflictError, or ValidationError when the checks left no counts."""
    client, run = run_context.client, run_context.run
    # Before anything of the run is read: of one that has lost, nothing may be left.
    done = commit.already(client, run, made.etag)
    if done:
        return done
    checks = run_context.read_json(run.validation) or {}
    new = build.snapshot(run, made, staged=staged, checks=checks, metrics=_metrics(run_context), now=now)
    return commit.publish(client, run, new, made.etag)


def _published(run_context: RunContext, etag: str | None) -> Snapshot | None:
    """The snapshot that the run started from. Raises CommitConflictError when another was published since."""
    commit.refuse_published(run_context.client, run_context.run.bucket, run_context.run.id)
    found = commit.unchanged(run_context.client, run_context.run, etag)
    return found.publication.current if found else None


def _metrics(run_context: RunContext) -> Mapping[str, Any]:
    found: Mapping[str, Any] = run_context.read_json(run_context.run.metrics("pca"))
    return found
