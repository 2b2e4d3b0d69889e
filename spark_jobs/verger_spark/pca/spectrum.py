"""Principal components of a covariance matrix, and the number of components to keep. Only numpy, float64."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from verger_contract.errors import VergerError
from verger_spark.pca.sums.covariance import Moments


@dataclass(frozen=True)
class Basis:
    """A fitted basis.

    Attributes
    ----------
    components : ndarray of shape (d, k), float64
        One component a column, of unit length.
    explained_variance_ratio : ndarray of shape (d,), float64
        The share of the total variance of all d components, largest first.
    """

    components: NDArray[np.float64]
    explained_variance_ratio: NDArray[np.float64]

    @property
    def k(self) -> int:
        """Number of components."""
        return int(self.components.shape[1])

    @property
    def explained_variance(self) -> float:
        """The share of the variance that the k components explain together."""
        return float(cumulative(self.explained_variance_ratio)[self.k - 1])


def fit(moments: Moments, target: float, max_components: int) -> Basis:
    """Fit the smallest basis that explains a share of the variance.

    The components are the eigenvectors of the covariance (d, d), as in `pyspark.ml.feature.PCA`, by falling eigenvalue.
    The entry of largest magnitude of each is positive, as in `sklearn.utils.extmath.svd_flip`, so that the same photos
    always have the same coordinates.

    Parameters
    ----------
    moments : Moments
        Of the rows to fit.
    target : float
        The share of the variance, in (0, 1].
    max_components : int

    Raises
    ------
    VergerError
        There are fewer than two rows, the rows are not finite or all equal, or `max_components` components explain less
        than `target`.
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
    """Return the share of the variance of some rows that each component explains: ``diag(VᵀCV) / tr(C)``.

    C is the covariance of the rows. The components may have been fitted to other rows. The sum of the shares is what
    the components explain together.

    Parameters
    ----------
    components : ndarray of shape (d, k), float64
        V, with orthonormal columns.
    moments : Moments
        Of the rows.

    Returns
    -------
    ndarray of shape (k,), float64, or None
        None if there is no variance: fewer than two rows, or all rows equal.

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
    """Return the variance below which a value is only a rounding error.

    It is the tolerance of `numpy.linalg.matrix_rank`, scaled by the second moments, because the covariance is a
    difference of second moments. For equal photos, the complete covariance is rounding error.
    """
    scale = float(moments.gram.diagonal().max()) / moments.count
    return scale * len(moments.total) * float(np.finfo(np.float64).eps)


def cumulative(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the cumulative shares, shape (d,). The last one is exactly 1."""
    sums = np.cumsum(ratio)
    shares: NDArray[np.float64] = sums / sums[-1]
    return shares


def components_for(ratio: NDArray[np.float64], target: float) -> int:
    """Return the smallest k whose cumulative explained variance reaches `target`, in (0, 1].

    Examples
    --------
    >>> components_for(np.array([0.5, 0.25, 0.25, 0.0]), 0.75)
    2
    """
    return int(np.searchsorted(cumulative(ratio), target, side="left")) + 1


def fix_signs(components: NDArray[np.float64]) -> NDArray[np.float64]:
    """Flip the columns of `components` (d, k) whose largest-magnitude entry is negative."""
    largest = components[np.abs(components).argmax(axis=0), np.arange(components.shape[1])]
    signs: NDArray[np.float64] = np.where(largest < 0, -1.0, 1.0)
    return components * signs
