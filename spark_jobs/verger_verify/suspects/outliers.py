"""How far a photo lies from the photos of its label, compared with how far these lie from each other. Only numpy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from verger_verify.suspects.nearest import nearest

NEIGHBOURS = 5
"""The distance of a photo from its label is the mean distance to so many of the label's photos."""

FEWEST_PHOTOS = 10
"""A label with fewer photos in the reference has no outliers: its typical distance is not known."""

MOST_PHOTOS = 500
"""Reference photos of the label to which distances are measured, so that a large label takes no longer."""

LEAST_RATIO = 2.5
"""An outlier lies so many times the label's typical distance away."""

LEAST_DEVIATIONS = 4.0
"""And so many robust standard deviations of the logarithm: for a normal distribution, one photo of 30,000."""

CONSISTENCY = 1.4826
"""The median absolute deviation of a normal distribution times this number is its standard deviation."""


@dataclass(frozen=True)
class Typical:
    """The distances of the photos of a label from the others: median and robust standard deviation of the logarithm."""

    median: float
    deviation: float

    @classmethod
    def of(cls, photos: NDArray[np.float32], least: float) -> Typical | None:
        """Return the distances within a label's reference photos (m, k); None for fewer than ``FEWEST_PHOTOS``.

        `least` is that of `distance`.
        """
        if len(photos) < FEWEST_PHOTOS:
            return None
        logs = np.log(distance(photos, photos, np.arange(len(photos)), least))
        median = float(np.median(logs))
        return cls(median, CONSISTENCY * float(np.median(np.abs(logs - median))))

    def ratios(self, distances: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how many times the typical distance each distance is; 0 where it is not unusual."""
        logs = np.log(distances) - self.median
        unusual = (logs >= math.log(LEAST_RATIO)) & (logs >= LEAST_DEVIATIONS * self.deviation)
        found: NDArray[np.float64] = np.where(unusual, np.exp(logs), 0.0)
        return found


def distance(
    photos: NDArray[np.float32], of_label: NDArray[np.float32], own: NDArray[np.int64], least: float
) -> NDArray[np.float64]:
    """Return the mean distance of each photo (n, k) to the nearest photos of a label (m, k).

    Parameters
    ----------
    own : ndarray of shape (n,)
        The positions of the photos among those of the label (see `nearest`).
    least : float
        Smaller results are set to this distance, more than 0: among copies of one photo no distance is typical.
    """
    found = nearest(photos, of_label, own, NEIGHBOURS).distances
    known = np.isfinite(found)
    total = np.where(known, found, 0.0).sum(axis=1)
    mean: NDArray[np.float64] = np.maximum(total / np.maximum(known.sum(axis=1), 1), least)
    return mean
