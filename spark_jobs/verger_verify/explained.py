"""Checks of the explained variance, and of the coordinates as products of features and components."""

from __future__ import annotations

import numpy

from verger_contract.plan import BasisPolicy, BasisRequest, least_explained_variance
from verger_contract.verification.check import Check
from verger_verify.basis import Basis
from verger_verify.measures.spread import Measured
from verger_verify.measures.vectors import Vectors

VARIANCE_TOLERANCE = 1e-6
PROJECTION_TOLERANCE = 1e-6
"""Share of the largest coordinate. Both the rows of the sample and the signed sums of all rows must agree so far."""


def explained_variance(
    saved: Basis, request: BasisRequest, measured: Measured, photos: int, target: float, *, is_kept: bool
) -> Check:
    """Check the explained variance: the variance of the projections divided by that of the features.

    The explained variance stored with a new basis must equal the measured one. A kept basis was fitted to other photos,
    so the two may differ. The variances must be those of exactly the current `photos`.
    """
    least = target
    if is_kept:
        reused = request.policy is BasisPolicy.REUSE
        least = 0.0 if reused else least_explained_variance(target, request.tolerance)
    found, stored = measured.explained_variance, float(saved.explained.sum())
    enough = (found or 0.0) >= least - VARIANCE_TOLERANCE
    as_stored = is_kept or abs((found or 0.0) - stored) <= VARIANCE_TOLERANCE
    expected = f"at least {least:.2%}" if least > 0 else "any share: reuse of the basis was requested"
    share = "no variance" if found is None else f"{found:.4%}"
    counts = (measured.features.count, measured.coordinates.count)
    of_all = counts == (photos, photos)
    return Check(
        "explained variance",
        enough and as_stored and of_all,
        expected if is_kept else f"{expected}, and the share stored with the basis ({stored:.4%})",
        f"{share} with k = {saved.k}",
        "" if of_all else f"{photos:,} photos; measured: features of {counts[0]:,}, coordinates of {counts[1]:,}",
        counted={"photos": photos, "k": saved.k, "explained_variance": found, "target_variance": target},
    )


def projected(features: Vectors, found: Vectors, saved: Basis) -> Check:
    """Compare the products of features and components with the written coordinates.

    All rows are compared at once by signed sums: with a random sign for each photo, the sum of the features, projected,
    equals the sum of the coordinates. A row that is wrong by more than the tolerance changes at least one of 32 sums by
    as much, except with a probability of 2^-32. The rows of the sample are also compared one by one, for an example.

    References
    ----------
    Freivalds (1977), "Probabilistic machines can use less running time".
    """
    written = {photo.path: photo.vector for photo in found.sample.chosen()}
    errors = {
        photo.path: float(numpy.abs(photo.vector.astype(numpy.float64) @ saved.components - written[photo.path]).max())
        for photo in features.sample.chosen()
        if photo.path in written
    }
    scale = max((float(numpy.abs(vector).max(initial=0.0)) for vector in written.values()), default=0.0) or 1.0
    worst = max(errors, key=lambda path: errors[path], default="")
    is_empty = not found.rows and not features.rows
    most = PROJECTION_TOLERANCE * scale
    sums = 0.0
    if numpy.ndim(features.signed) and numpy.ndim(found.signed):  # numbers, if no row could be added
        sums = float(numpy.abs(features.signed @ saved.components - found.signed).max())
    in_sample = is_empty or (bool(errors) and errors[worst] <= most)
    text = f"{max(errors[worst], sums):.1e} at most, of {found.rows:,} photos" if errors else "no photo in both tables"
    return Check(
        "projections are features times basis",
        in_sample and sums <= most,
        f"differences up to {most:.0e}",
        "no new photos" if is_empty else text,
        "" if in_sample else worst,
    )
