"""Chooses the basis of a run: the published one if it may be kept, else a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from verger_contract.plan import BasisRequest
from verger_spark.pca import basis_files
from verger_spark.pca.policy import Decision, PublishedBasis, decide
from verger_spark.pca.spectrum import Basis, explained_by, fit

if TYPE_CHECKING:
    from verger_spark.pca.sums.covariance import Moments


@dataclass(frozen=True)
class Choice:
    """The basis of the projection.

    Attributes
    ----------
    components : ndarray of shape (d, k), float64
    explained_variance_ratio : ndarray of shape (k,), float64, or None
        The share of the variance of the current photos that each component explains. None if there is no variance.
    decision : Decision
    fitted : Basis or None
        The basis if this run fitted it.
    """

    components: NDArray[np.float64]
    explained_variance_ratio: NDArray[np.float64] | None
    decision: Decision
    fitted: Basis | None = None

    @property
    def k(self) -> int:
        """Number of components."""
        return int(self.components.shape[1])

    @property
    def explained_variance(self) -> float | None:
        """The share of the variance of all current photos that the components explain together."""
        if self.fitted:
            return self.fitted.explained_variance
        return None if self.explained_variance_ratio is None else float(self.explained_variance_ratio.sum())


def choose(request: BasisRequest, moments: Moments, target: float, max_components: int) -> Choice:
    """Keep the published basis or fit a new one, by the moments of all current photos.

    Raises
    ------
    VergerError
        The published basis cannot be read, there is none to reuse, or no basis can be fitted.
    """
    published = ratio = described = None
    if request.candidate:
        published = basis_files.load(request.candidate, len(moments.total))
        ratio = explained_by(published, moments)
        described = PublishedBasis(published.shape[1], None if ratio is None else float(ratio.sum()))
    decision = decide(request, described, target, max_components)
    if decision.keep and published is not None:
        return Choice(published, ratio, decision)
    fitted = fit(moments, target, max_components)
    return Choice(fitted.components, fitted.explained_variance_ratio[: fitted.k], decision, fitted)
