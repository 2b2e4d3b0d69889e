"""The basis of this run: the published one where it may be kept, else a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from verger_contract.plan import BasisRequest
from verger_spark.pca import basis_files
from verger_spark.pca.policy import Decision, Explains, decide
from verger_spark.pca.spectrum import Basis, explained_by, fit

if TYPE_CHECKING:
    from verger_spark.pca.covariance import Moments


@dataclass(frozen=True)
class Choice:
    """What is projected with.

    components: float64 (d, k)
    shares: float64 (k,), the share of the current photos' variance along each; None where there is no variance
    decision: why it is this one
    fitted: the basis, when it was fitted now
    """

    components: NDArray[np.float64]
    shares: NDArray[np.float64] | None
    decision: Decision
    fitted: Basis | None = None

    @property
    def k(self) -> int:
        return int(self.components.shape[1])

    @property
    def explained_variance(self) -> float | None:
        """The share of the variance of all current photos that the components explain together."""
        if self.fitted:
            return self.fitted.explained_variance
        return None if self.shares is None else float(self.shares.sum())


def choose(request: BasisRequest, moments: Moments, target: float, max_components: int) -> Choice:
    """Keep or fit, by the moments of all current photos. Errors: `decide`, `fit`, and `load` of the published basis."""
    published = shares = described = None
    if request.candidate:
        published = basis_files.load(request.candidate, len(moments.total))
        shares = explained_by(published, moments)
        described = Explains(published.shape[1], None if shares is None else float(shares.sum()))
    decision = decide(request, described, target, max_components)
    if decision.keep and published is not None:
        return Choice(published, shares, decision)
    fitted = fit(moments, target, max_components)
    return Choice(fitted.components, fitted.explained_variance_ratio[: fitted.k], decision, fitted)
