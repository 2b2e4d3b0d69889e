"""Do photos of one label lie together? Features that lost their photo, or their meaning, do not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from verger.validation.check import SKIPPED, Check

if TYPE_CHECKING:
    import numpy

FEWEST_PHOTOS = 50
DEVIATIONS = 5.0
LEAST_GAIN = 0.1
NAME = "neighbours share labels"


def check(labels: Sequence[str], vectors: Sequence[numpy.ndarray]) -> Check:
    """The share of sampled photos whose nearest neighbour in the sample (Euclidean) has their label.

    `vectors`: one float64 vector per label, all of one width. Only photos whose label occurs twice can have such a
    neighbour, so only they are asked. Passes when the share exceeds chance by five standard deviations, and by a
    tenth of the way from chance to certainty. Skipped, with the reason, for fewer than 50 photos or one label.
    """
    import numpy

    counts = Counter(labels)
    asked = [row for row, label in enumerate(labels) if counts[label] > 1]
    expected = "far more often than chance"
    if len(counts) < 2:
        return Check(NAME, True, expected, SKIPPED, "all photos of the sample have the same label")
    if len(asked) < FEWEST_PHOTOS:
        return Check(NAME, True, expected, SKIPPED, f"{len(asked)} photos to ask, fewer than {FEWEST_PHOTOS}")
    chance = sum(counts[labels[row]] - 1 for row in asked) / len(asked) / (len(labels) - 1)
    deviation = math.sqrt(chance * (1 - chance) / len(asked))
    least = chance + max(min(DEVIATIONS * deviation, 0.9 * (1 - chance)), LEAST_GAIN * (1 - chance))

    points = numpy.stack(vectors)
    squares = (points**2).sum(axis=1)
    distances = squares[:, None] + squares[None, :] - 2 * points @ points.T
    numpy.fill_diagonal(distances, numpy.inf)
    nearest = distances.argmin(axis=1)
    share = sum(labels[row] == labels[nearest[row]] for row in asked) / len(asked)
    return Check(
        NAME, share >= least, f"at least {least:.1%} (chance: {chance:.1%})", f"{share:.1%} of {len(asked):,} photos"
    )
