"""Outliers are measured by the typical distance of their label."""

from __future__ import annotations

import numpy as np

from verger_verify.suspects.nearest import NONE
from verger_verify.suspects.outliers import FEWEST_PHOTOS, Typical, distance

LEAST = 1e-6


def cloud(photos: int, scale: float = 1.0) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return points around 0."""
    return np.random.default_rng(5).normal(0, scale, (photos, 6)).astype(np.float32)


def ratio(of_label: np.ndarray[tuple[int, ...], np.dtype[np.float32]], away: float) -> float:
    """Return the ratio of a photo so far from the middle of the label; 0 if it is no outlier."""
    typical = Typical.of(of_label, LEAST)
    assert typical
    point = np.zeros((1, 6), np.float32)
    point[0, 0] = away
    return float(typical.ratios(distance(point, of_label, np.array([NONE]), LEAST))[0])


def test_a_photo_far_from_its_label_is_an_outlier_and_one_among_it_is_not() -> None:
    assert ratio(cloud(100), 30) > 10
    assert ratio(cloud(100), 1) == 0


def test_the_ratio_does_not_depend_on_the_unit_of_the_coordinates() -> None:
    np.testing.assert_allclose(ratio(cloud(100, 100.0), 3000), ratio(cloud(100), 30), rtol=1e-4)


def test_few_photos_have_no_typical_distance() -> None:
    assert Typical.of(cloud(FEWEST_PHOTOS - 1), LEAST) is None
    assert Typical.of(cloud(FEWEST_PHOTOS), LEAST) is not None


def test_a_few_wrong_photos_do_not_change_what_is_typical() -> None:
    clean = cloud(100)
    dirty = clean.copy()
    dirty[:5] += 40
    assert ratio(dirty, 30) > 0.8 * ratio(clean, 30)


def test_copies_of_one_photo_have_the_least_distance() -> None:
    copies = np.ones((20, 6), np.float32)
    typical = Typical.of(copies, 0.5)
    assert typical
    assert np.exp(typical.median) == 0.5
    np.testing.assert_allclose(typical.ratios(np.array([0.5, 5.0])), [0.0, 10.0])
