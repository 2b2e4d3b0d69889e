"""Decides what a run does, before a cluster is launched, from the published snapshot, the inventory and the parameters.

The functions read and write nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from verger.changes import lost_files
from verger.changes.compare import FEATURIZED, PhotoChange, Tally, photo_reasons
from verger.changes.full_refresh import FeatureIdentity
from verger.changes.params import RunParams, check_limits
from verger.changes.rewrites import compaction, coordinates, verification
from verger.changes.rewrites.coordinates import Coordinates
from verger.changes.rewrites.verification import Verification
from verger.changes.run_base import RunBase
from verger.changes.sizing import no_step_has_work, reason_to_wait, work_of
from verger.cluster_plan.plan import ClusterPlan, plan_cluster
from verger.publication.model import FeatureRun, ManifestPart
from verger.settings import Settings
from verger_contract.keys import Run, manifest_keys, name_of, of_attempt, statistics, with_attempt
from verger_contract.plan import BasisPolicy, BasisRequest, StepPlan


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run does. Feature runs and bases are given by run id; `for_step` replaces the ids by URIs.

    Attributes
    ----------
    work : bool
        Whether there is anything to do; `why` gives the reasons in words.
    photos : dict of str to int
        Photos by change, and `listed`.
    cluster : ClusterPlan
        The cluster that the run launches if it has work.
    waiting : bool
        There are photos to do, and the run waits for more. Then `work` is False.
    without_cluster : bool
        The work needs no cluster: only rejected photos were deleted. Features and projections stay.
    etag : str or None
        The ETag of the `published.json` that the run may replace; None when there is none yet.
    model_sha256 : str
        SHA-256 of the model that featurizes.
    preprocessing : str
        See `verger_contract.preprocessing.preprocessing`.
    decoding : str
        The `verger_contract.preprocessing.Decoding` of step 1.
    images_prefix : str
    full_refresh : bool
        Every listed photo is featurized, whatever is published.
    retry_all_rejects : bool
        Every rejected photo is featurized.
    keep, compact : tuple of FeatureRun
        The published feature runs that stay, and those whose current rows are copied to the feature run `into`.
    into : str or None
    accept_rejects : bool
        The run may publish with any share of rejects.
    manifests : tuple of ManifestPart
        The parts of the published manifest to which the run adds a delta; empty when it writes the whole manifest.
    kept_rejects : mapping of str to int
        Unchanged photos without features, by kind of reject.
    lost : tuple of str
        Keys of lost files of published feature runs. These feature runs are compacted without the files, and the photos
        of the files are featurized again.
    coordinates : Coordinates
        The published coordinates that stay if the basis is kept.
    verification : Verification
    basis_policy : str
    basis : str or None
        The run whose basis may be kept. None: a new basis is fitted, for the reason `basis_reason`.
    basis_reason : str
    basis_target : float
        The target variance that this basis was fitted to.
    basis_tolerance : float
        See `verger_contract.plan.BasisRequest`.
    """

    work: bool
    why: str
    photos: dict[str, int]
    cluster: ClusterPlan
    waiting: bool = False
    without_cluster: bool = False
    etag: str | None
    model_sha256: str
    preprocessing: str
    decoding: str
    images_prefix: str
    full_refresh: bool
    retry_all_rejects: bool
    keep: tuple[FeatureRun, ...]
    compact: tuple[FeatureRun, ...]
    into: str | None
    accept_rejects: bool = False
    manifests: tuple[ManifestPart, ...] = ()
    kept_rejects: Mapping[str, int] = field(default_factory=dict)
    lost: tuple[str, ...] = ()
    coordinates: Coordinates
    verification: Verification = field(default_factory=Verification)
    basis_policy: str
    basis: str | None
    basis_reason: str
    basis_target: float
    basis_tolerance: float

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Plan:
        """Return the plan of the JSON object that an XCom holds: the inverse of `dataclasses.asdict`."""
        runs = {name: tuple(FeatureRun(**run) for run in facts[name]) for name in ("keep", "compact")}
        parts = tuple(ManifestPart(**part) for part in facts["manifests"])
        kept = {"cluster": ClusterPlan.parse(facts["cluster"]), "coordinates": Coordinates.of(facts["coordinates"])}
        kept |= {"verification": Verification.of(facts["verification"])}
        return cls(**{**facts, **runs, **kept, "lost": tuple(facts["lost"]), "manifests": parts})

    @property
    def identity(self) -> FeatureIdentity:
        """What determines the features that the run computes."""
        return FeatureIdentity(self.model_sha256, self.preprocessing)

    def compacted(self, run: Run) -> str | None:
        """Return the name of the feature run that step 2 compacts, with the attempt of `run`; None if there is none."""
        return with_attempt(self.into, run.pca_attempt) if self.into else None

    def moved(self, run: Run) -> dict[str, str]:
        """Return, for each compacted feature run, the feature run that takes its rows."""
        into = self.compacted(run)
        return {compacted.run: into for compacted in self.compact if into}

    def manifest_of(self, run: Run, now: datetime) -> tuple[ManifestPart, ...]:
        """Return the parts of the manifest that the run publishes, oldest first."""
        return compaction.manifest_of(run.id, self.manifests, self.photos, now)

    def manifest_keys(self, run: Run) -> list[str]:
        """Return the keys of the parts of the manifest of the run, oldest first."""
        return manifest_keys(run.bucket, [*(part.run for part in self.manifests), run.id])

    def features_of(self, run: Run) -> list[str]:
        """Return the feature runs that hold all current rows after the steps of `run`."""
        into = self.compacted(run)
        return [*(kept.run for kept in self.keep), *([into] if into else []), name_of(run.features)]

    def projected(self, run: Run) -> list[str]:
        """Return the feature runs whose coordinates step 2 writes if it updates the statistics."""
        into = self.compacted(run)
        return [*self.coordinates.again, *([into] if into else []), name_of(run.features)]

    def for_step(self, run: Run, verified: Mapping[str, str] | None = None) -> StepPlan:
        """Return the plan as the steps read it: with URIs instead of run ids.

        After step 1, `run` has the attempt whose features were checked: step 2 reads these. `verified` has the SHA-256
        of the file list of each table that this run has verified, by URI.
        """

        def features(run_id: str) -> str:
            return run.uri(Run(run.bucket, run_id).features)

        return StepPlan(
            run=run.id,
            work=self.work,
            why=self.why,
            waiting=self.waiting,
            without_cluster=self.without_cluster,
            photos=self.photos,
            keep=tuple(features(kept.run) for kept in self.keep),
            compact=tuple(features(compacted.run) for compacted in self.compact),
            into=of_attempt(features(self.into)) if self.into else None,
            new=run.uri(run.features),
            lost=tuple(map(run.uri, self.lost)),
            deletes=run.uri(run.deletes),
            compacted_deletes=run.uri(run.compacted_deletes),
            removed=run.uri(run.removed),
            statistics=run.uri(statistics(self.coordinates.statistics)) if self.coordinates.statistics else None,
            project=tuple(map(features, self.coordinates.again)),
            basis=BasisRequest(
                policy=BasisPolicy(self.basis_policy),
                published=run.uri(Run(run.bucket, self.basis).basis) if self.basis else None,
                reason=self.basis_reason,
                tolerance=self.basis_tolerance,
            ),
            verification=self.verification.for_step(
                run, self.keep, self.coordinates.keep, self.manifest_keys(run), verified or {}
            ),
        )


def decide(run: Run, tally: Tally, base: RunBase, params: RunParams, settings: Settings, *, now: datetime) -> Plan:
    """Return the plan of a run from the counts of the comparison.

    Raises
    ------
    PlanError
        More photos are missing or known as rejects than expected, or there is no basis to reuse.
    """
    published, full_refresh, max_age = base.published, base.full_refresh, settings.retention.max_deletes_age
    check_limits(tally, params, settings.validation, full_refresh=bool(full_refresh), known_rejects=base.known_rejects)
    basis, basis_reason = coordinates.basis_to_keep(published, params, full_refresh)
    runs = () if full_refresh or not published else compaction.current(published.features, tally.current_rows, now)
    keep, compact = _divided(runs, base.lost, max_age, now)
    photos = {kind.value: tally.photos[kind] for kind in PhotoChange}
    overdue = [*compaction.overdue(runs, max_age, now), *coordinates.overdue(published, max_age, now)]
    removed = photos[PhotoChange.CHANGED.value] + photos[PhotoChange.DELETED.value]
    cluster = plan_cluster(work_of(tally, full_refresh=bool(full_refresh)), base.pace, settings)
    parts = published.manifest if published and not full_refresh and not compact else ()
    delta = sum(tally.photos[kind] for kind in (*FEATURIZED, PhotoChange.DELETED))
    return Plan(
        **_verdict(tally, base, params, settings, cluster, overdue=overdue, now=now),
        photos={"listed": tally.listed} | photos,
        cluster=cluster,
        manifests=compaction.kept_manifest(parts, delta, max_age, now),
        kept_rejects=dict(tally.kept_rejects),
        etag=base.etag,
        model_sha256=base.identity.model_sha256,
        preprocessing=base.identity.preprocessing,
        decoding=settings.featurize.decoding.value,
        images_prefix=settings.storage.images_prefix,
        full_refresh=bool(full_refresh),
        retry_all_rejects=base.retry_all_rejects,
        keep=keep,
        compact=compact,
        into=run.compacted if compact else None,
        accept_rejects=params.accept_rejects,
        lost=base.lost,
        verification=Verification.of_run(published, params, settings.validation, now),
        coordinates=coordinates.of_run(base, keep, settings, has_basis=bool(basis), removed=removed, now=now),
        basis_policy=params.basis,
        basis=basis,
        basis_reason=basis_reason,
        basis_target=published.basis_target if published and basis else params.target_variance,
        basis_tolerance=settings.pca.basis_tolerance,
    )


def _verdict(
    tally: Tally,
    base: RunBase,
    params: RunParams,
    settings: Settings,
    cluster: ClusterPlan,
    *,
    overdue: Sequence[str],
    now: datetime,
) -> dict[str, Any]:
    """Return whether the run has work, and why, as members of the plan."""
    published, max_age = base.published, settings.retention.max_deletes_age
    refresh, other = _other_reasons(base, params, settings, overdue, now)
    photos = photo_reasons({kind.value: tally.photos[kind] for kind in PhotoChange}, retry_rejects=params.retry_rejects)
    of_manifest = published is not None and compaction.is_manifest_overdue(published.manifest, max_age, now)
    old = ["the manifest names photos deleted or changed long ago"] if of_manifest else []
    reasons = [*refresh, *photos, *other, *old]
    without_cluster = bool(reasons) and not refresh and not other and no_step_has_work(tally, params, published)
    may_wait = not refresh and not other and not old and not without_cluster
    waits = reason_to_wait(tally, params, published, cluster, settings.sizing, now=now) if may_wait else ""
    return {
        "work": bool(reasons) and not waits,
        "why": waits or ", ".join(reasons) or f"nothing new, changed or deleted among {tally.listed:,} photos",
        "waiting": bool(waits),
        "without_cluster": without_cluster,
    }


def _other_reasons(
    base: RunBase, params: RunParams, settings: Settings, overdue: Sequence[str], now: datetime
) -> tuple[list[str], list[str]]:
    """Return the reason of a full refresh, and the reasons for work apart from changed photos."""
    refresh, published = [base.full_refresh.reason] if base.full_refresh else [], base.published
    return refresh, [
        *verification.reasons(base.published, params, settings.validation, now),
        *lost_files.reasons([*base.lost, *base.lost_projections]),
        *_compaction_reasons(overdue),
        *coordinates.reasons(base.published, params, settings.pca.basis_tolerance),
        *([coordinates.LOST_BASIS] if published and published.run and not published.basis else []),
    ]


def _divided(
    runs: Sequence[FeatureRun], lost: Sequence[str], max_age: timedelta, now: datetime
) -> tuple[tuple[FeatureRun, ...], tuple[FeatureRun, ...]]:
    """Return the feature runs that stay, and those that are compacted."""
    # A feature run with a lost file is compacted, so that later runs need not know of the file.
    chosen = compaction.choose(runs, max_age, now) | lost_files.runs_of(lost)
    return tuple(run for run in runs if run.run not in chosen), tuple(run for run in runs if run.run in chosen)


def _compaction_reasons(overdue: Sequence[str]) -> list[str]:
    return [f"rows of photos that were deleted or changed long ago (tables: {len(overdue)})"] if overdue else []
