"""The nearest reference photos are those of scikit-learn's exact search."""

from __future__ import annotations

import numpy as np
import pytest

from verger_verify.suspects.nearest import NONE, nearest


@pytest.mark.parametrize("size", [3, 40, 1000])
def test_neighbours_and_distances_are_those_of_scikit_learn(size: int) -> None:
    neighbours = pytest.importorskip("sklearn.neighbors")
    rng = np.random.default_rng(size)
    reference, photos = (rng.normal(30, 5, (rows, 20)).astype(np.float32) for rows in (size, 300))
    found = nearest(photos, reference, np.full(300, NONE), min(size, 10))
    expected = neighbours.NearestNeighbors(n_neighbors=min(size, 10), algorithm="brute").fit(
        reference.astype(np.float64)
    )
    distances, positions = expected.kneighbors(photos.astype(np.float64))
    np.testing.assert_allclose(found.distances, distances, rtol=1e-5)
    np.testing.assert_array_equal(found.positions, positions)


def test_a_photo_is_not_its_own_neighbour_but_its_copy_is() -> None:
    points = np.random.default_rng(1).normal(0, 1, (50, 8)).astype(np.float32)
    points[7] = points[3]
    found = nearest(points, points, np.arange(50), 5)
    assert not (found.positions == np.arange(50)[:, None]).any()
    assert (found.positions[3, 0], found.distances[3, 0]) == (7, 0.0)


def test_positions_beyond_the_reference_are_none() -> None:
    points = np.arange(6, dtype=np.float32).reshape(3, 2)
    found = nearest(points, points, np.arange(3), 4)
    assert found.positions.tolist() == [[1, 2, NONE, NONE], [0, 2, NONE, NONE], [1, 0, NONE, NONE]] or (
        found.positions[1, :2].tolist() == [2, 0]
    )
    assert np.isinf(found.distances[:, 2:]).all()


def test_without_a_reference_nothing_is_near() -> None:
    found = nearest(np.zeros((2, 3), np.float32), np.empty((0, 3), np.float32), np.full(2, NONE), 3)
    assert (found.positions == NONE).all()
    assert np.isinf(found.distances).all()
