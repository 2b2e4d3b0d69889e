"""Checks of the tables of step 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from verger.changes.full_refresh import FeatureIdentity
from verger.changes.plan import Plan
from verger.settings import Validation
from verger.tables.parquet import Store
from verger.validation import neighbours, rows, vectors
from verger.validation.check import Check
from verger_contract.keys import Run
from verger_contract.schemas import FEATURES_WIDTH

VERSION = ("path", "etag")


def check_features(store: Store, run: Run, limits: Validation) -> list[Check]:
    """Compare features and rejects of the run with work.parquet."""

    def expected() -> Iterator[tuple[str, str]]:
        return store.versions(run.work)

    def written() -> Iterator[tuple[str, str]]:
        yield from store.versions(run.features)
        yield from store.versions(run.rejects)

    expected_paths, expected_versions = rows.fingerprints(expected())
    names = vectors.columns("features", "etag")
    batches = store.batches(run.features, names)
    found = vectors.read(batches, "features", FEATURES_WIDTH, limits.neighbour_sample, "etag")
    rows.fingerprints(store.versions(run.rejects), into=found)
    sample = found.sample.chosen()
    where = "as a row of features or a reject"
    return [
        *rows.one_row_each(expected_paths, found.paths, expected, lambda: (path for path, _ in written()), where),
        rows.same_versions(expected_versions, found.versions, expected, written),
        *rows.shape(found, FEATURES_WIDTH),
        neighbours.check([row[2] for row in sample], [row[3] for row in sample]),
    ]


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
