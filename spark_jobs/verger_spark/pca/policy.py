"""Decides whether the published basis is kept or a new one is fitted. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from verger_contract.errors import VergerError
from verger_contract.plan import BasisPolicy, BasisRequest, least_explained_variance

ROUNDING = 1e-9
"""Tolerance for rounding errors. Summing the photos in another order changes the share by less."""


@dataclass(frozen=True)
class PublishedBasis:
    """The published basis, compared with the current photos.

    Attributes
    ----------
    k : int
        Number of components.
    explained_variance : float or None
        Share of the variance of the current photos. None if there is no variance.
    """

    k: int
    explained_variance: float | None


@dataclass(frozen=True)
class Decision:
    """`reason` is one sentence with figures, for the report."""

    keep: bool
    reason: str


def decide(request: BasisRequest, published: PublishedBasis | None, target: float, max_components: int) -> Decision:
    """Decide between the published basis and a new one.

    Parameters
    ----------
    request : BasisRequest
    published : PublishedBasis or None
        Describes `request.candidate`, if there is one.
    target : float
        Target variance, in (0, 1].
    max_components : int

    Raises
    ------
    VergerError
        The policy is reuse, but there is no published basis.
    """
    if request.policy is BasisPolicy.REFIT:
        return Decision(False, request.reason or "the policy is refit")
    if published is None:
        reason = request.reason or "no basis is published yet"
        if request.policy is BasisPolicy.REUSE:
            raise VergerError(f"basis policy reuse: expected a published basis: {reason}; use auto or refit")
        return Decision(False, reason)
    least = least_explained_variance(target, request.tolerance)
    finding = _finding(published, least)
    if request.policy is BasisPolicy.REUSE:
        return Decision(True, f"the policy is reuse: {finding} (target {target:g})")
    if published.k > max_components:
        return Decision(False, f"the published basis has {published.k} components, {max_components} are allowed")
    aim = f"target {target:g}" + (f" less the tolerance {request.tolerance:g}" if request.tolerance else "")
    if published.explained_variance is None or published.explained_variance < least - ROUNDING:
        return Decision(False, f"{finding}, less than the {aim}")
    return Decision(True, f"{finding}, {aim}")


def _finding(published: PublishedBasis, least: float) -> str:
    """Return a sentence with the share that the published basis explains.

    Examples
    --------
    >>> _finding(PublishedBasis(64, 0.91347), 0.9)
    'the published basis (k = 64) explains 0.9135 of the variance of all current photos'
    """
    if published.explained_variance is None:
        return f"the published basis (k = {published.k}) explains nothing: the current photos have no variance"
    share = _decimals(published.explained_variance, least)
    return f"the published basis (k = {published.k}) explains {share} of the variance of all current photos"


def _decimals(share: float, least: float) -> str:
    """Format a share with four decimals, or with more if it would otherwise appear on the other side of the limit.

    Examples
    --------
    >>> _decimals(0.89999, 0.9)
    '0.89999'
    """
    formatted = (f"{share:.{decimals}f}" for decimals in range(4, 12))
    misses = share < least - ROUNDING
    return next((text for text in formatted if (float(text) < least) == misses), str(share))
