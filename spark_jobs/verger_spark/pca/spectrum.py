"""Principal components of a covariance matrix, and how many of them to keep. Pure numpy, float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from verger_spark.errors import VergerError
from verger_spark.pca.covariance import Moments


@dataclass(frozen=True)
class Basis:
    """The components kept: `components` (d, k), columns of unit length, and the whole spectrum.

    `explained_variance_ratio` (d,) is each component's share of the total variance, largest first.
    """

    components: NDArray[np.float64]
    explained_variance_ratio: NDArray[np.float64]

    @property
    def k(self) -> int:
        return int(self.components.shape[1])

    @property
    def explained_variance(self) -> float:
        """The share of the variance that the k components explain together."""
        return float(cumulative(self.explained_variance_ratio)[self.k - 1])


def fit(moments: Moments, target: float, max_components: int) -> Basis:
    """The smallest basis that explains the share `target` of the variance of the rows behind `moments`.

    The eigenvectors of the covariance (d, d), as `pyspark.ml.feature.PCA` takes them, in order of falling
    eigenvalue; the largest-magnitude entry of each is positive (`sklearn.utils.extmath.svd_flip` fixes
    signs likewise), so that the same photos always give the same coordinates.

    Raises
    ------
    VergerError
        There are fewer than two rows, they are not finite or all equal, or `max_components` components do
        not reach `target`.
    """
    if moments.count < 2:
        raise VergerError(
            f"PCA needs at least two photos with features, found {moments.count}: add photos or see the rejects"
        )
    eigenvalues, eigenvectors = np.linalg.eigh(_covariance(moments))
    eigenvalues, eigenvectors = eigenvalues[::-1], eigenvectors[:, ::-1]
    eigenvalues = np.where(eigenvalues > _noise(moments), eigenvalues, 0.0)
    if eigenvalues[0] == 0.0:
        raise VergerError(
            "all photos have equal features: there is no variance to explain; PCA needs photos that differ"
        )
    ratio = eigenvalues / eigenvalues.sum()
    k = components_for(ratio, target)
    if k > max_components:
        reached = float(cumulative(ratio)[max_components - 1])
        raise VergerError(
            f"target variance {target:g} cannot be reached: {max_components} components explain {reached:.4f}, "
            f"{k} would be needed; lower the target or allow more components"
        )
    return Basis(fix_signs(eigenvectors[:, :k]), ratio)


def explained_by(components: NDArray[np.float64], moments: Moments) -> NDArray[np.float64] | None:
    """The share (k,) of the variance of the rows behind `moments` along each of the orthonormal `components` (d, k).

    ``diag(VᵀCV) / tr(C)`` with C the covariance of the rows: for a basis fitted to other rows, too, the shares add up
    to what it explains. None where there is no variance: fewer than two rows, or all equal.

    Raises
    ------
    VergerError
        The rows are not finite.
    """
    if moments.count < 2:
        return None
    covariance = _covariance(moments)
    if covariance.diagonal().max() <= _noise(moments):
        return None
    along = (components * (covariance @ components)).sum(axis=0)
    shares: NDArray[np.float64] = along / covariance.trace()
    return shares


def _covariance(moments: Moments) -> NDArray[np.float64]:
    covariance = moments.covariance()
    if not np.isfinite(covariance).all():
        raise VergerError("the covariance of the features is not finite: some feature is NaN or infinite")
    return covariance


def _noise(moments: Moments) -> float:
    """The variance below which there is only rounding.

    The tolerance of numpy.linalg.matrix_rank, on the scale of the second moments, from whose difference the
    covariance is computed (for equal photos it is rounding as a whole).
    """
    scale = float(moments.gram.diagonal().max()) / moments.count
    return scale * len(moments.total) * float(np.finfo(np.float64).eps)


def cumulative(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cumulative shares (d,), the last exactly 1."""
    sums = np.cumsum(ratio)
    shares: NDArray[np.float64] = sums / sums[-1]
    return shares


def components_for(ratio: NDArray[np.float64], target: float) -> int:
    """The smallest k whose cumulative explained variance reaches `target`, in (0, 1].

    >>> components_for(np.array([0.5, 0.25, 0.25, 0.0]), 0.75)
    2
    """
    return int(np.searchsorted(cumulative(ratio), target, side="left")) + 1


def fix_signs(components: NDArray[np.float64]) -> NDArray[np.float64]:
    """Flip the columns of `components` (d, k) whose largest-magnitude entry is negative."""
    largest = components[np.abs(components).argmax(axis=0), np.arange(components.shape[1])]
    signs: NDArray[np.float64] = np.where(largest < 0, -1.0, 1.0)
    return components * signs
