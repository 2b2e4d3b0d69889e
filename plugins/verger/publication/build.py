"""The snapshot that a run publishes: from its plan, from what was staged, and from what the checks counted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from verger.changes.plan import Plan
from verger.publication.model import FeatureRun, Snapshot
from verger.validation.check import ValidationError
from verger.validation.record import counted
from verger_contract.keys import Run

Checks = Mapping[str, Sequence[Mapping[str, Any]]]
"""The rows of validation.json, by table."""


def basis_run(run: Run, plan: Plan, metrics: Mapping[str, Any]) -> str:
    """The run that fitted the basis which step 2 used: this one, or the published one that was kept."""
    kept = metrics["basis"]["action"] == "kept"
    return plan.basis if kept and plan.basis else run.id


def snapshot(
    run: Run, plan: Plan, *, staged: Mapping[str, str], checks: Checks, metrics: Mapping[str, Any], now: datetime
) -> Snapshot:
    """What the run publishes. Every number was counted in the tables, none is the jobs' own.

    `metrics`: those of step 2. Raises ValidationError when the checks left no counts.
    """
    features, pca, basis = counted(checks, "features"), counted(checks, "pca"), basis_run(run, plan, metrics)
    try:
        return Snapshot(
            published_at=now.isoformat(),
            run=run.id,
            features=_features(run, plan, features["photos"]),
            pca=run.id,
            basis=basis,
            photos=pca["photos"],
            rejected=features["rejected"],
            k=pca["k"],
            target_variance=pca["target_variance"],
            explained_variance=pca["explained_variance"],
            model={"weights": staged["weights"], "sha256": plan.model_sha256},
            artifacts=staged["sha256"],
            images_prefix=plan.images_prefix,
            changes=plan.photos,
            basis_reason=metrics["basis"]["reason"],
            basis_target=pca["target_variance"] if basis == run.id else plan.basis_target,
        )
    except KeyError as error:
        raise ValidationError(
            f"{run.uri(run.validation)}: expected the checks of features and pca to have counted {error}, found "
            f"{features | pca}; nothing is published: clear check_features, or start a new run"
        ) from error


def empty(before: Snapshot, now: datetime) -> Snapshot:
    """The snapshot without a photo that follows `before`."""
    return Snapshot(
        published_at=now.isoformat(),
        run=None,
        features=(),
        pca=None,
        basis=None,
        photos=0,
        rejected=0,
        k=0,
        target_variance=before.target_variance,
        explained_variance=None,
        model=before.model,
        artifacts=before.artifacts,
        images_prefix=before.images_prefix,
        changes={"deleted": before.photos + before.rejected},
        basis_reason="nothing is published any more",
        basis_target=before.basis_target,
    )


def _features(run: Run, plan: Plan, new: int) -> tuple[FeatureRun, ...]:
    rewritten = sum(compacted.current_rows for compacted in plan.compact)
    made = [(plan.into, rewritten), (run.id, new)]
    return (*plan.keep, *(FeatureRun(run=id, rows=rows, current_rows=rows) for id, rows in made if id and rows))
