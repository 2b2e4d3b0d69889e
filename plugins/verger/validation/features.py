"""Checks of what step 1 wrote."""

from __future__ import annotations

from verger.paths import Run
from verger.settings import Validation
from verger.validation import neighbours, rows, vectors
from verger.validation.check import Check
from verger.validation.tables import Store

WIDTH = 1280


def check_features(store: Store, run: Run, limits: Validation) -> list[Check]:
    """Features and rejects of the run against its inventory."""
    expected_paths, expected_versions = rows.fingerprints(store, run.inventory)
    found = vectors.read(store, run.features, "features", WIDTH, limits.neighbour_sample, etags=True)
    rows.fingerprints(store, run.rejects, into=(found.paths, found.versions))
    rejected = len(found.paths) - found.rows
    sample = found.sample.chosen()
    return [
        *rows.one_row_each(store, run, run.features, expected_paths, found.paths),
        rows.same_versions(store, run, expected_versions, found.versions),
        *rows.shape(found, WIDTH),
        share_of_rejects(rejected, len(expected_paths), limits.max_rejects_share),
        neighbours.check([row[2] for row in sample], [row[3] for row in sample]),
    ]


def share_of_rejects(rejected: int, photos: int, most: float) -> Check:
    share = rejected / photos if photos else 0.0
    found = f"{share:.2%} ({rejected:,} of {photos:,})"
    return Check("share of rejects", share <= most, f"at most {most:.1%}", found, counted={"rejected": rejected})
