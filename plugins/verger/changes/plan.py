"""What a run does: decided once, before any cluster, from what is published, listed and asked for. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from verger.changes import compaction
from verger.changes.compare import PhotoChange, Tally
from verger.errors import VergerError
from verger.publication.model import FeatureRun, Snapshot
from verger.settings import Settings
from verger_contract.keys import Run
from verger_contract.plan import BasisPolicy, BasisRequest, StepPlan, least_explained_variance


class PlanError(VergerError):
    """The run would do what nobody can have meant; the message says how to ask for it all the same."""


@dataclass(frozen=True, kw_only=True)
class RunParams:
    """What a run was asked for: the parameters of the DAG."""

    basis: str
    target_variance: float
    full_refresh: bool = False
    retry_rejects: bool = False
    accept_deletions: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`work` says whether there is anything to do, `why` in words. Feature runs are given by id.

    etag: of the publication that it was made with, the one that the run may replace
    model_sha256: of the model that featurizes; images_prefix: where the photos lie
    anew: every photo is featurized, whatever is published
    retry_all_rejects: every published reject is looked at again
    keep: published feature runs that are read as they are, with their live rows of tonight
    compact: those whose live rows are rewritten into the run `into`
    basis: the run whose basis may be kept; None: fitted anew, for the reason `basis_reason`
    basis_target: the target variance that this basis was fitted to
    basis_tolerance: what the share that a kept basis explains may miss the target by
    """

    work: bool
    why: str
    photos: dict[str, int]
    etag: str | None
    model_sha256: str
    images_prefix: str
    full_refresh: bool
    retry_all_rejects: bool
    keep: tuple[FeatureRun, ...]
    compact: tuple[FeatureRun, ...]
    into: str | None
    basis_policy: str
    basis: str | None
    basis_reason: str
    basis_target: float
    basis_tolerance: float

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Plan:
        """From what `dataclasses.asdict` made of it."""
        runs = {name: tuple(FeatureRun(**run) for run in facts[name]) for name in ("keep", "compact")}
        return cls(**{**facts, **runs})

    @property
    def moved(self) -> dict[str, str]:
        """Feature run to the one that it is rewritten into."""
        return {run.run: self.into for run in self.compact if self.into}

    def features_of(self, run: Run) -> list[str]:
        """The feature runs that hold the current rows when the steps of `run` are done."""
        return [*(kept.run for kept in self.keep), *([self.into] if self.into else []), run.id]

    def for_step(self, run: Run) -> StepPlan:
        """Return the plan as the steps read it: with URIs instead of run ids."""

        def features(id: str) -> str:
            return run.uri(Run(run.bucket, id).features)

        return StepPlan(
            run=run.id,
            work=self.work,
            why=self.why,
            photos=self.photos,
            keep=tuple(features(kept.run) for kept in self.keep),
            compact=tuple(features(compacted.run) for compacted in self.compact),
            into=features(self.into) if self.into else None,
            new=features(run.id),
            deletes=run.uri(run.deletes),
            compacted_deletes=run.uri(run.compacted_deletes),
            basis=BasisRequest(
                policy=BasisPolicy(self.basis_policy),
                published=run.uri(Run(run.bucket, self.basis).basis) if self.basis else None,
                reason=self.basis_reason,
                tolerance=self.basis_tolerance,
            ),
        )


class FullRefresh(StrEnum):
    """Why no published features can be used."""

    NO = ""
    MODEL = "the model changed"
    PREFIX = "the prefix of the photos changed"
    ASKED = "all photos are to be featurized again"


def full_refresh_reason(
    published: Snapshot | None, model_sha256: str, images_prefix: str, params: RunParams
) -> FullRefresh:
    """Whether the published features can be used. (What is to be featurized depends on it.)"""
    if published and published.run and published.model["sha256"] != model_sha256:
        return FullRefresh.MODEL
    if published and published.run and published.images_prefix != images_prefix:
        return FullRefresh.PREFIX  # whether a photo has a label depends on it
    return FullRefresh.ASKED if params.full_refresh else FullRefresh.NO


def decide(
    run: Run,
    tally: Tally,
    published: Snapshot | None,
    params: RunParams,
    settings: Settings,
    *,
    full_refresh: FullRefresh,
    etag: str | None,
    model_sha256: str,
    retry_all_rejects: bool,
    now: datetime,
) -> Plan:
    """The plan of a run.

    `anew` is what `full_refresh_reason` said, `retry_all_rejects` what the photos were compared with.
    Raises PlanError for more deletions than expected, and for a basis that is to be reused but is not there.
    """
    _check_deletions(tally, params, settings.validation.max_deleted_share)
    basis, basis_reason = _basis(published, params, full_refresh)
    runs = () if full_refresh or not published else active_runs(published.features, tally, now)
    due = compaction.due(runs, settings.retention.max_deletes_age, now)
    reasons = [
        *([full_refresh.value] if full_refresh else []),
        *_photos(tally, params),
        *([f"features of {len(due)} runs hold rows of photos deleted or changed long ago"] if due else []),
        *_projections(published, params, settings.pca.basis_tolerance),
    ]
    chosen = compaction.choose(runs, settings.retention.max_deletes_age, now)
    return Plan(
        work=bool(reasons),
        why=", ".join(reasons) or f"nothing new, changed or deleted among {tally.listed:,} photos",
        photos={"listed": tally.listed} | {kind.value: tally.photos[kind] for kind in PhotoChange},
        etag=etag,
        model_sha256=model_sha256,
        images_prefix=settings.storage.images_prefix,
        full_refresh=bool(full_refresh),
        retry_all_rejects=retry_all_rejects,
        keep=tuple(features for features in runs if features.run not in chosen),
        compact=tuple(features for features in runs if features.run in chosen),
        into=run.compacted if chosen else None,
        basis_policy=params.basis,
        basis=basis,
        basis_reason=basis_reason,
        basis_target=published.basis_target if published and basis else params.target_variance,
        basis_tolerance=settings.pca.basis_tolerance,
    )


def active_runs(runs: Sequence[FeatureRun], tally: Tally, now: datetime) -> tuple[FeatureRun, ...]:
    """The feature runs that still hold live rows, with their count."""
    found = (replace(run, current_rows=tally.current_rows[run.run]) for run in runs)
    return tuple(
        replace(run, deletes_since=run.deletes_since or now.isoformat()) if run.current_rows < run.rows else run
        for run in found
        if run.current_rows
    )


def _check_deletions(tally: Tally, params: RunParams, most: float) -> None:
    deleted = tally.photos[PhotoChange.DELETED]
    if deleted > most * tally.known and not params.accept_deletions:
        raise PlanError(
            f"{deleted:,} of the {tally.known:,} published photos are no longer in the bucket; expected at most "
            f"{most:.0%} (VERGER_MAX_DELETED_SHARE) to disappear at once. If they were deleted on purpose, trigger the "
            "DAG with accept_deletions; else correct VERGER_IMAGES_PREFIX or bring the photos back"
        )


def _basis(published: Snapshot | None, params: RunParams, full_refresh: FullRefresh) -> tuple[str | None, str]:
    """The basis that may be kept, or why there is none."""
    if params.basis == "refit":
        return None, "asked for"
    if full_refresh is FullRefresh.MODEL:
        reason = full_refresh.value
    elif not published or not published.basis:
        reason = "no basis is published yet"
    elif params.basis == "auto" and params.target_variance > published.basis_target:
        return None, f"the target was raised from {published.basis_target:g} to {params.target_variance:g}"
    else:
        return published.basis, ""
    if params.basis == "reuse":
        raise PlanError(f"basis=reuse: there is no basis to reuse: {reason}; start the run with basis=auto or refit")
    return None, reason


def _photos(tally: Tally, params: RunParams) -> list[str]:
    words = {
        PhotoChange.NEW: "{:,} new",
        PhotoChange.CHANGED: "{:,} changed",
        PhotoChange.DELETED: "{:,} deleted",
        PhotoChange.RETRY: "{:,} unreadable for the moment last time",
    }
    if params.retry_rejects:
        words[PhotoChange.OPPORTUNISTIC_RETRY] = "{:,} rejects to look at again"
    return [text.format(tally.photos[kind]) for kind, text in words.items() if tally.photos[kind]]


def _projections(published: Snapshot | None, params: RunParams, tolerance: float) -> list[str]:
    """What else than photos makes the published projections out of date."""
    if not published or not published.run or params.basis == "reuse":
        return []
    found, target, explained = [], params.target_variance, published.explained_variance
    if params.basis == "refit" and published.basis != published.pca:
        found.append("the basis is to be fitted to the present photos")
    if target > published.basis_target or (params.basis == "refit" and target != published.basis_target):
        found.append(f"target variance {target:g} instead of {published.basis_target:g}")
    elif params.basis == "auto" and explained is not None and explained < least_explained_variance(target, tolerance):
        # (Without variance, that is with one photo left, no basis can be fitted.)
        found.append(f"the published basis explains {explained:.4f} of the variance, target {target:g}")
    return found
