"""Whether the published basis is kept or a new one fitted. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from verger_contract.plan import BasisPolicy, BasisRequest, least_explained_variance
from verger_spark.errors import VergerError

ROUNDING = 1e-9
"""What a share may miss the target by: the photos of the fit itself, summed in another way, differ by less."""


@dataclass(frozen=True)
class Explains:
    """A published basis of k components against the current photos.

    `share` of their variance that it explains; None where there is no variance.
    """

    k: int
    share: float | None


@dataclass(frozen=True)
class Decision:
    """`reason`: one sentence, with figures, for the report."""

    keep: bool
    reason: str


def decide(request: BasisRequest, published: Explains | None, target: float, max_components: int) -> Decision:
    """Keep or refit, where `published` describes the candidate of `request`, if there is one.

    Raises
    ------
    VergerError
        The policy is reuse, but there is no basis.
    """
    if request.policy is BasisPolicy.REFIT:
        return Decision(False, request.reason or "the policy is refit")
    if published is None:
        reason = request.reason or "no basis is published yet"
        if request.policy is BasisPolicy.REUSE:
            raise VergerError(f"basis policy reuse: expected a published basis: {reason}; use auto or refit")
        return Decision(False, reason)
    least = least_explained_variance(target, request.tolerance)
    says = _says(published, least)
    if request.policy is BasisPolicy.REUSE:
        return Decision(True, f"the policy is reuse: {says} (target {target:g})")
    if published.k > max_components:
        return Decision(False, f"the published basis has {published.k} components, {max_components} are allowed")
    aim = f"target {target:g}" + (f" less the tolerance {request.tolerance:g}" if request.tolerance else "")
    if published.share is None or published.share < least - ROUNDING:
        return Decision(False, f"{says}, less than the {aim}")
    return Decision(True, f"{says}, {aim}")


def _says(published: Explains, least: float) -> str:
    """What a basis explains, in words.

    >>> _says(Explains(64, 0.91347), 0.9)
    'the published basis (k = 64) explains 0.9135 of the variance of all current photos'
    """
    if published.share is None:
        return f"the published basis (k = {published.k}) explains nothing: the current photos have no variance"
    share = _figure(published.share, least)
    return f"the published basis (k = {published.k}) explains {share} of the variance of all current photos"


def _figure(share: float, least: float) -> str:
    """A share with four decimals, or with as many as it takes to be seen on its own side of the limit.

    >>> _figure(0.89999, 0.9)
    '0.89999'
    """
    figures = (f"{share:.{decimals}f}" for decimals in range(4, 12))
    misses = share < least - ROUNDING
    return next((figure for figure in figures if (float(figure) < least) == misses), str(share))
