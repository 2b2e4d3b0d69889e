"""Whether the published basis is kept or a new one fitted. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from verger_spark.errors import VergerError

ROUNDING = 1e-9
"""What a share may miss the target by: the photos of the fit itself, summed in another way, differ by less."""


class Policy(StrEnum):
    """auto: keep the basis while it explains the target; refit: fit anew; reuse: keep it whatever it explains."""

    AUTO = "auto"
    REFIT = "refit"
    REUSE = "reuse"


@dataclass(frozen=True)
class Wanted:
    """The policy, the URI of the published basis, and, where there is none to keep, why.

    `tolerance`: what the share that a kept basis explains may miss the target by. A new basis reaches the target by a
    hair, so that without it the photos of nearly every night would make another.
    """

    policy: Policy
    published: str | None = None
    reason: str = ""
    tolerance: float = 0.0

    @property
    def candidate(self) -> str | None:
        """The basis that may be kept."""
        return None if self.policy is Policy.REFIT else self.published


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


def decide(wanted: Wanted, published: Explains | None, target: float, max_components: int) -> Decision:
    """Keep or refit, where `published` describes the candidate of `wanted`, if there is one.

    Raises
    ------
    VergerError
        The policy is reuse, but there is no basis.
    """
    if wanted.policy is Policy.REFIT:
        return Decision(False, wanted.reason or "the policy is refit")
    if published is None:
        reason = wanted.reason or "no basis is published yet"
        if wanted.policy is Policy.REUSE:
            raise VergerError(f"basis policy reuse: expected a published basis: {reason}; use auto or refit")
        return Decision(False, reason)
    least = target - wanted.tolerance
    says = _says(published, least)
    if wanted.policy is Policy.REUSE:
        return Decision(True, f"the policy is reuse: {says} (target {target:g})")
    if published.k > max_components:
        return Decision(False, f"the published basis has {published.k} components, {max_components} are allowed")
    aim = f"target {target:g}" + (f" less the tolerance {wanted.tolerance:g}" if wanted.tolerance else "")
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
