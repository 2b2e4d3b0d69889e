"""The mathematics of step 2 on plain arrays, compared with scikit-learn, and its errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from verger_contract.errors import VergerError
from verger_spark.pca.spectrum import components_for, explained_by, fit, fix_signs
from verger_spark.pca.sums.covariance import CHUNK, Moments


def rows(count: int, width: int, seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (np.abs(rng.normal(size=(count, width))) * np.linspace(2, 0.1, width)).astype(np.float32)


def moments(*blocks: NDArray[np.float32]) -> Moments:
    return Moments.of(iter(blocks))


@pytest.mark.parametrize(("count", "width"), [(500, 20), (30, 60), (3000, 40)])
def test_basis_equals_scikit_learn(count: int, width: int) -> None:
    data = rows(count, width)
    basis = fit(moments(data), 0.9, width)
    reference = PCA(svd_solver="full").fit(data.astype(np.float64))
    assert basis.k == int(np.searchsorted(np.cumsum(reference.explained_variance_ratio_), 0.9)) + 1
    np.testing.assert_allclose(basis.components, fix_signs(reference.components_[: basis.k].T), atol=1e-9)
    shared = min(count, width)
    np.testing.assert_allclose(
        basis.explained_variance_ratio[:shared], reference.explained_variance_ratio_[:shared], atol=1e-12
    )


@given(st.lists(st.integers(0, CHUNK * 2), min_size=1, max_size=5), st.integers(0, 99))
def test_the_division_into_blocks_changes_no_bit(cuts: list[int], seed: int) -> None:
    data = rows(CHUNK * 2, 6, seed)
    undivided, divided = moments(data), moments(*np.split(data, sorted(cuts)))
    assert undivided.count == divided.count == len(data)
    np.testing.assert_array_equal(undivided.gram, divided.gram)
    np.testing.assert_array_equal(undivided.total, divided.total)


def test_unpacked_moments_equal_the_packed_ones() -> None:
    before = moments(rows(50, 9))
    after = Moments.merged([before.pack()])
    assert after.count == 50
    np.testing.assert_array_equal(after.total, before.total)
    np.testing.assert_allclose(after.gram, before.gram, rtol=1e-15)
    np.testing.assert_array_equal(after.gram, after.gram.T)
    twice = Moments.merged([before.pack(), before.pack()])
    assert twice.count == 100
    np.testing.assert_allclose(twice.total, 2 * before.total, rtol=1e-15)
    np.testing.assert_allclose(twice.gram, 2 * before.gram, rtol=1e-15)


def test_moments_of_different_widths_are_an_error() -> None:
    with pytest.raises(VergerError, match="expected one width, found 9 and 8"):
        Moments.merged(moments(rows(50, width)).pack() for width in (9, 8))


def test_k_is_the_smallest_that_reaches_the_target() -> None:
    ratio = np.array([0.5, 0.25, 0.25, 0.0])
    assert [components_for(ratio, target) for target in (0.1, 0.5, 0.500001, 0.75, 1.0)] == [1, 1, 2, 2, 3]


def test_target_one_ends_at_the_rank() -> None:
    assert fit(moments(rows(11, 40)), 1.0, 40).k == 10


@pytest.mark.parametrize(
    ("data", "target", "most", "message"),
    [
        (rows(1, 5), 0.9, 5, "at least two photos with features, found 1"),
        (np.tile(rows(1, 300), (7, 1)), 0.9, 300, "all photos have equal features"),
        (
            rows(50, 20),
            0.9,
            3,
            "target variance 0.9 cannot be reached: 3 components explain 0.4718, 10 would be needed",
        ),
        (np.full((4, 3), np.nan, np.float32), 0.9, 3, "not finite"),
    ],
    ids=["one photo", "equal photos", "too few components", "not a number"],
)
def test_errors(data: NDArray[np.float32], target: float, most: int, message: str) -> None:
    with pytest.raises(VergerError, match=message):
        fit(moments(data), target, most)


def test_shares_of_photos_that_the_basis_was_not_fitted_to() -> None:
    basis, data = fit(moments(rows(500, 20)), 0.9, 20), rows(300, 20, seed=1) * np.float32(1.5)
    shares = explained_by(basis.components, moments(data))
    assert shares is not None
    projected = data.astype(np.float64) @ basis.components
    np.testing.assert_allclose(shares, projected.var(axis=0) / data.astype(np.float64).var(axis=0).sum(), atol=1e-12)


def test_the_shares_of_the_fitted_photos_are_the_explained_variance_ratio() -> None:
    own = moments(rows(500, 20))
    basis = fit(own, 0.9, 20)
    shares = explained_by(basis.components, own)
    assert shares is not None
    np.testing.assert_allclose(shares, basis.explained_variance_ratio[: basis.k])


@pytest.mark.parametrize("data", [rows(1, 300), np.tile(rows(1, 300), (7, 1))], ids=["one photo", "equal photos"])
def test_without_variance_there_are_no_shares(data: NDArray[np.float32]) -> None:
    assert explained_by(np.eye(300)[:, :2], moments(data)) is None


def test_nan_is_an_error() -> None:
    with pytest.raises(VergerError, match="not finite"):
        explained_by(np.eye(3), moments(np.full((4, 3), np.nan, np.float32)))
