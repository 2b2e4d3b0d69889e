"""Checks of what step 2 wrote, against the features and the basis."""

from __future__ import annotations

from verger.paths import Run
from verger.settings import Validation
from verger.validation import basis, neighbours, rows, vectors
from verger.validation.basis import Basis
from verger.validation.check import Check
from verger.validation.features import WIDTH
from verger.validation.tables import Store
from verger.validation.vectors import Sample, Vectors

VARIANCE_TOLERANCE = 1e-6
PROJECTION_TOLERANCE = 1e-6


def check_projections(store: Store, run: Run, limits: Validation, target_variance: float) -> list[Check]:
    """Projections of the run against inventory, rejects, features and basis."""
    saved = basis.read(store, run.basis)
    features = vectors.read(store, run.features, "features", WIDTH, limits.neighbour_sample, etags=False)
    found = vectors.read(store, run.pca, "pca_features", saved.k, limits.neighbour_sample, etags=False)
    expected, _ = rows.fingerprints(store, run.inventory)
    rows.fingerprints(store, run.rejects, into=(found.paths, found.versions))
    sample = found.sample.chosen()
    return [
        *rows.one_row_each(store, run, run.pca, expected, found.paths),
        *rows.shape(found, saved.k),
        explained_variance(features, found, saved, target_variance),
        projected(features.sample, found.sample, saved),
        neighbours.check([row[2] for row in sample], [row[3] for row in sample]),
    ]


def explained_variance(features: Vectors, found: Vectors, saved: Basis, target: float) -> Check:
    """The variance of the projections over that of the features, and what the basis says of it."""
    total = features.spread.total_variance
    measured = found.spread.total_variance / total if total else 0.0
    claimed = float(saved.explained.sum())
    passed = measured >= target - VARIANCE_TOLERANCE and abs(measured - claimed) <= VARIANCE_TOLERANCE
    return Check(
        "explained variance",
        passed,
        f"at least {target:.2%}, and what the basis says ({claimed:.4%})",
        f"{measured:.4%} with k = {saved.k}",
        counted={"k": saved.k, "explained_variance": measured, "target_variance": target},
    )


def projected(features: Sample, found: Sample, saved: Basis) -> Check:
    """Features times basis, for the sampled photos, against what was written for them."""
    import numpy

    written = {path: vector for _, path, _, vector in found.chosen()}
    errors = {
        path: float(numpy.abs(vector @ saved.components - written[path]).max(initial=0.0))
        for _, path, _, vector in features.chosen()
        if path in written
    }
    scale = max((float(numpy.abs(vector).max(initial=0.0)) for vector in written.values()), default=0.0) or 1.0
    worst = max(errors, key=lambda path: errors[path], default="")
    passed = bool(errors) and errors[worst] <= PROJECTION_TOLERANCE * scale
    found_text = f"{errors[worst]:.1e} at most, of {len(errors):,} photos" if errors else "no photo in both tables"
    return Check(
        "projections are features times basis",
        passed,
        f"differences up to {PROJECTION_TOLERANCE * scale:.0e}",
        found_text,
        "" if passed else worst,
    )
