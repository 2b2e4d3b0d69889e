"""Builds the snapshot that a run publishes, from its plan, the results of the checks, and the metrics of step 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from verger.changes.plan import Plan
from verger.publication.model import FeatureRun, PcaRun, Snapshot
from verger.validation.check import ValidationError
from verger.validation.record import counted
from verger_contract.keys import Run, name_of

Checks = Mapping[str, Sequence[Mapping[str, Any]]]
"""The rows of validation.json, by table."""


def basis_run(run: Run, plan: Plan, metrics: Mapping[str, Any]) -> str:
    """Return the name of the basis of step 2: that of this run, or that of an earlier one whose basis was kept.

    Parameters
    ----------
    metrics
        pca.json.
    """
    kept = metrics["basis"]["action"] == "kept"
    return plan.basis if kept and plan.basis else name_of(run.basis)


@dataclass(frozen=True)
class Results:
    """What a run has verified.

    Attributes
    ----------
    checks : mapping
        validation.json.
    metrics : mapping
        pca.json.
    file_lists : mapping of str to str
        SHA-256 of the file list of each table that the run has verified, by URI.
    """

    checks: Checks
    metrics: Mapping[str, Any]
    file_lists: Mapping[str, str]


def snapshot(run: Run, plan: Plan, results: Results, *, staged: Mapping[str, str], now: datetime) -> Snapshot:
    """Return the snapshot that the run publishes. Its counts are those of the checks, not those of the steps.

    `staged` is the result of `verger.s3.artifacts.stage`.

    Raises
    ------
    ValidationError
        The checks have no counts.
    """
    features, pca = counted(results.checks, "features"), counted(results.checks, "pca")
    basis, verified = basis_run(run, plan, results.metrics), results.file_lists
    try:
        return Snapshot(
            published_at=now.isoformat(),
            run=run.id,
            features=_features(run, plan, features["photos"], verified),
            pca=_coordinates(run, plan, (pca["rows"], features["photos"]), basis, verified),
            rejects=name_of(run.rejects),
            pca_attempt=run.pca_attempt,
            since_full_pass=0 if is_full_pass(run, plan, basis) else plan.coordinates.since_full_pass,
            verified_all_at=now.isoformat() if _verifies_all(plan) else plan.verification.all_at,
            manifests=plan.manifest_of(run, now),
            basis=basis,
            photos=pca["photos"],
            rejected=features["rejected"],
            k=pca["k"],
            target_variance=pca["target_variance"],
            explained_variance=pca["explained_variance"],
            model={"weights": staged["weights"], "sha256": plan.model_sha256, "preprocessing": plan.preprocessing},
            artifacts=staged["sha256"],
            images_prefix=plan.images_prefix,
            changes=plan.photos,
            basis_reason=results.metrics["basis"]["reason"],
            basis_target=pca["target_variance"] if basis == name_of(run.basis) else plan.basis_target,
        )
    except KeyError as error:
        raise ValidationError(
            f"{run.uri(run.validation)}: expected {error} among the counts of the checks of features and pca, found "
            f"{features | pca}; nothing is published: clear check_features, or start a new run"
        ) from error


def is_full_pass(run: Run, plan: Plan, basis: str) -> bool:
    """Whether step 2 wrote the coordinates of all current photos: it fitted a basis, or had no statistics to update."""
    return basis == name_of(run.basis) or plan.coordinates.statistics is None


def _verifies_all(plan: Plan) -> bool:
    """Whether the run verified all rows: on request, or because all are new."""
    return plan.verification.all or not (plan.keep or plan.compact)


def _coordinates(
    run: Run, plan: Plan, counts: tuple[int, int], basis: str, verified: Mapping[str, str]
) -> tuple[PcaRun, ...]:
    (rows, new), is_full = counts, is_full_pass(run, plan, basis)
    written = plan.features_of(run) if is_full else plan.projected(run)
    current = {table.run for table in _features(run, plan, new, verified)}
    own = PcaRun(
        run=name_of(run.pca),
        rows=rows,
        features=tuple(name for name in written if name in current),
        files=verified.get(run.uri(run.pca)),
    )
    return (*(() if is_full else plan.coordinates.keep), *([own] if rows else []))


def without_deleted_rejects(published: Snapshot, run: Run, plan: Plan, now: datetime) -> Snapshot:
    """Return the snapshot of a run without a cluster: the published one without the rejected photos that were deleted.

    It keeps the artifact set of the published features: a later run with another set still retries all rejects. It
    names no table of rejects of earlier runs: they may name deleted photos.
    """
    return replace(
        published,
        published_at=now.isoformat(),
        run=run.id,
        rejects=run.id,
        rejected=published.rejected - plan.photos["deleted"],
        manifests=plan.manifest_of(run, now),
        changes=plan.photos,
        rolled_back_from=None,
        superseded_at=None,
    )


def _features(run: Run, plan: Plan, new: int, verified: Mapping[str, str]) -> tuple[FeatureRun, ...]:
    compacted = sum(features.current_rows for features in plan.compact)
    written = [(plan.compacted(run), compacted), (name_of(run.features), new)]
    return (
        *plan.keep,
        *(
            FeatureRun(
                run=name, rows=rows, current_rows=rows, files=verified.get(run.uri(Run(run.bucket, name).features))
            )
            for name, rows in written
            if name and rows
        ),
    )
