"""Checks of step 1 that need only its metrics and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from verger.changes.full_refresh import FeatureIdentity
from verger.changes.plan import Plan
from verger_contract.verification.check import Check


def same_identity(plan: Plan, metrics: Mapping[str, Any]) -> Check:
    """Check that step 1 computed the features with the model and the preprocessing of the plan.

    Parameters
    ----------
    metrics
        featurize.json; empty when there is none.
    """
    found = FeatureIdentity(*(str(metrics.get(name, "unknown")) for name in ("model_sha256", "preprocessing")))
    return Check("model and preprocessing", found == plan.identity, str(plan.identity), str(found))


def share_of_rejects(photos: int, rejects: Mapping[str, int], most: float, *, accepted: bool = False) -> Check:
    """Check the share of rejects of this and of earlier runs.

    Parameters
    ----------
    photos
        Rows of the manifest.
    rejects
        Rejects among them, by kind.
    most
        The largest accepted share.
    accepted
        Whether the run was started with `accept_rejects`: every share passes.
    """
    rejected = sum(rejects.values())
    share = rejected / photos if photos else 0.0
    found = f"{share:.2%} ({rejected:,} of {photos:,})"
    within = share <= most
    kinds = ", ".join(f"{kind}: {count:,}" for kind, count in Counter(rejects).most_common())
    detail = "" if within else f"{kinds}{'; accepted by accept_rejects' if accepted else ''}"
    return Check("share of rejects", within or accepted, f"at most {most:.1%}", found, detail, {"rejected": rejected})
