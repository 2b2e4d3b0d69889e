"""What a run starts from: the published snapshot, and what the run would compute."""

from __future__ import annotations

from dataclasses import dataclass

from verger.changes.full_refresh import FeatureIdentity, FullRefresh
from verger.cluster_plan.pace import AS_BENCHMARKS, Pace
from verger.publication.model import Snapshot


@dataclass(frozen=True, kw_only=True)
class RunBase:
    """What a run starts from.

    Attributes
    ----------
    published : Snapshot or None
        The published snapshot; None when nothing is published. Its basis is None if it is lost or damaged (see
        `verger.publication.intact`).
    etag : str or None
        The ETag of `published.json`.
    identity : FeatureIdentity
        That of the features that the run computes.
    full_refresh : FullRefresh
    retry_all_rejects : bool
        Whether all rejected photos are featurized.
    lost : tuple of str
        Keys of lost files of published feature runs.
    lost_projections : tuple of str
        Keys of lost files of the published projections.
    known_rejects : str
        URI of the manifest that has the known rejects; empty when there are none.
    pace : Pace
        How fast step 1 was in earlier runs.
    """

    published: Snapshot | None
    etag: str | None
    identity: FeatureIdentity
    full_refresh: FullRefresh
    retry_all_rejects: bool
    lost: tuple[str, ...] = ()
    lost_projections: tuple[str, ...] = ()
    known_rejects: str = ""
    pace: Pace = AS_BENCHMARKS
