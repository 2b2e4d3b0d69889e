"""Checks that the features of photos with the same label lie together.

Features that are assigned to wrong photos, or that a wrong model computed, do not lie together.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from verger_contract.verification.check import SKIPPED, Check

if TYPE_CHECKING:
    import numpy

FEWEST_PHOTOS = 50
DEVIATIONS = 5.0
LEAST_GAIN = 0.1
NAME = "neighbours share labels"


def check(labels: Sequence[str], vectors: Sequence[numpy.ndarray]) -> Check:
    """Check the share of sampled photos whose nearest neighbour in the sample has the same label.

    Only photos whose label occurs twice in the sample are compared. The share must be at least
    ``c + max(min(5 s, 0.9 (1 - c)), 0.1 (1 - c))``. c is the share that random neighbours would give, and
    ``s = sqrt(c (1 - c) / n)`` its standard deviation for n compared photos. The check is skipped for fewer than 50
    photos or a single label.

    Parameters
    ----------
    labels
        The label of each sampled photo.
    vectors
        The vector of each sampled photo, all of the same width. Distances are Euclidean.
    """
    import numpy

    counts = Counter(labels)
    compared = [row for row, label in enumerate(labels) if counts[label] > 1]
    expected = "far more often than chance"
    if len(counts) < 2:
        return Check(NAME, True, expected, SKIPPED, "all photos of the sample have the same label")
    if len(compared) < FEWEST_PHOTOS:
        few = f"{len(compared)} of {len(labels)} share a label" if len(compared) < len(labels) else f"{len(compared)}"
        return Check(NAME, True, expected, SKIPPED, f"too few new photos ({few}, needs {FEWEST_PHOTOS})")
    chance = sum(counts[labels[row]] - 1 for row in compared) / len(compared) / (len(labels) - 1)
    deviation = math.sqrt(chance * (1 - chance) / len(compared))
    least = chance + max(min(DEVIATIONS * deviation, 0.9 * (1 - chance)), LEAST_GAIN * (1 - chance))

    points = numpy.stack(vectors).astype(numpy.float64)
    squares = (points**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * points @ points.T
    numpy.fill_diagonal(distances, numpy.inf)
    nearest = distances.argmin(axis=1)
    share = sum(labels[row] == labels[nearest[row]] for row in compared) / len(compared)
    return Check(
        NAME, share >= least, f"at least {least:.1%} (chance: {chance:.1%})", f"{share:.1%} of {len(compared):,} photos"
    )
