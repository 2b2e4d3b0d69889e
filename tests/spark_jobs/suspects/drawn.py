"""Coordinates drawn at random: one cloud of points for each label."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from verger_verify.suspects.judge import Photos

WIDTH = 12
"""Coordinates of a photo."""


def centre(label: str) -> NDArray[np.float64]:
    """Return the middle of the cloud of a label. Different labels lie about 50 apart; their clouds reach some 3."""
    return np.random.default_rng([*label.encode()]).normal(0, 10, WIDTH)


def photos(counts: Mapping[str, int], seed: int = 0) -> Photos:
    """Return so many photos of each label, `<label>/<number>.jpg`."""
    rng = np.random.default_rng(seed)
    labels = [label for label, count in counts.items() for _ in range(count)]
    paths = [f"{label}/{number:04}.jpg" for label, count in counts.items() for number in range(count)]
    points = np.array([centre(label) + rng.normal(0, 1, WIDTH) for label in labels])
    return Photos(paths, labels, points.astype(np.float32).reshape(-1, WIDTH))


def with_photo(found: Photos, path: str, point: NDArray[np.floating]) -> Photos:
    """Return the photos and one more, whose label is its folder."""
    label = path.split("/")[-2]
    both = np.vstack([found.coordinates, point[None]]).astype(np.float32)
    return Photos([*found.paths, path], [*found.labels, label], both)
