"""Checks of the tables of step 2."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from verger.changes.plan import Plan
from verger.settings import Validation
from verger.tables.parquet import Store
from verger.validation import basis, current, neighbours, rows, vectors
from verger.validation.basis import Basis
from verger.validation.check import Check
from verger.validation.vectors import Sample, Vectors
from verger_contract.keys import Run, name_of
from verger_contract.plan import BasisPolicy, least_explained_variance
from verger_contract.schemas import FEATURES_WIDTH

VARIANCE_TOLERANCE = 1e-6
PROJECTION_TOLERANCE = 1e-6


def check_projections(
    store: Store, run: Run, plan: Plan, limits: Validation, *, basis_run: str, target_variance: float
) -> list[Check]:
    """Compare the projections of the run with its manifest, the current features, and the basis.

    Parameters
    ----------
    basis_run
        The run that fitted the basis.
    target_variance
        The target variance of this run.
    """
    saved = basis.read(store, Run(run.bucket, basis_run).basis)
    names, size = vectors.columns("features", etags=True), limits.neighbour_sample
    features = vectors.read(current.batches(store, run, plan, names), "features", FEATURES_WIDTH, size, etags=True)
    names = vectors.columns("pca_features", etags=False)
    found = vectors.read(store.batches(run.pca, names), "pca_features", saved.k, size, etags=False)

    def expected() -> Iterator[tuple[str, str]]:
        return current.featurized(store, run, plan)

    def present() -> Iterator[tuple[str, str]]:
        return current.versions(store, run, plan)

    paths, versions = rows.fingerprints(expected())
    sample = found.sample.chosen()
    kept = basis_run != name_of(run.basis)
    return [
        *rows.one_row_each(paths, found.paths, expected, lambda: store.column(run.pca, "path"), "as a projection"),
        rows.same_versions(versions, features.versions, expected, present),
        *rows.shape(found, saved.k),
        explained_variance(
            features, found, saved, target_variance, least=_least(plan, target_variance, kept), kept=kept
        ),
        projected(features.sample, found.sample, saved),
        neighbours.check([row[2] for row in sample], [row[3] for row in sample]),
    ]


def _least(plan: Plan, target: float, kept: bool) -> float:
    """Return the share of the variance that must be explained: 0 for a basis that is reused by request."""
    if not kept:
        return target
    return 0.0 if plan.basis_policy == BasisPolicy.REUSE else least_explained_variance(target, plan.basis_tolerance)


def explained_variance(
    features: Vectors, found: Vectors, saved: Basis, target: float, *, least: float, kept: bool
) -> Check:
    """Check the explained variance: the variance of the projections divided by that of the features.

    The explained variance stored with a new basis must equal the measured one. A kept basis was fitted to other photos,
    so the two may differ.

    Parameters
    ----------
    least
        The smallest accepted share.
    kept
        Whether the basis was fitted by an earlier run.
    """
    total = features.spread.total_variance
    measured = found.spread.total_variance / total if total else None
    stored = float(saved.explained.sum())
    enough = (measured or 0.0) >= least - VARIANCE_TOLERANCE
    as_stored = kept or abs((measured or 0.0) - stored) <= VARIANCE_TOLERANCE
    expected = f"at least {least:.2%}" if least > 0 else "any share: reuse of the basis was requested"
    share = "no variance" if measured is None else f"{measured:.4%}"
    counted: dict[str, Any] = {"k": saved.k, "explained_variance": measured, "target_variance": target}
    return Check(
        "explained variance",
        enough and as_stored,
        expected if kept else f"{expected}, and the share stored with the basis ({stored:.4%})",
        f"{share} with k = {saved.k}",
        counted=counted,
    )


def projected(features: Sample, found: Sample, saved: Basis) -> Check:
    """Compare the product of features and components with the written projections, for the sampled photos."""
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
