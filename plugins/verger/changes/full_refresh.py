"""Decides whether a run featurizes all photos, because the published features cannot be used beside new ones."""

from __future__ import annotations

from dataclasses import dataclass

from verger.publication.model import Snapshot


@dataclass(frozen=True)
class FeatureIdentity:
    """What determines the features of a photo. Features of different identities are never published together.

    Attributes
    ----------
    model_sha256 : str
        SHA-256 of the model.
    preprocessing : str
        See `verger_contract.preprocessing.preprocessing`.

    Examples
    --------
    >>> print(FeatureIdentity("ab" * 32, "2-exact"))
    model abababababab, preprocessing 2-exact
    """

    model_sha256: str
    preprocessing: str

    def __str__(self) -> str:
        return f"model {self.model_sha256[:12]}, preprocessing {self.preprocessing}"


@dataclass(frozen=True)
class FullRefresh:
    """Whether a run featurizes all photos. It is true when there is a reason.

    Attributes
    ----------
    reason : str
        In words; empty when the published features can be used.
    other_features : bool
        Whether the new features of a photo differ from its published ones. If they do, no published basis fits them.
    """

    reason: str = ""
    other_features: bool = False

    def __bool__(self) -> bool:
        return bool(self.reason)


def full_refresh(
    published: Snapshot | None, identity: FeatureIdentity, images_prefix: str, *, requested: bool
) -> FullRefresh:
    """Compare what the run would compute with what is published.

    Parameters
    ----------
    published
        The published snapshot; None when nothing is published.
    identity
        That of the features that the run computes.
    images_prefix
        The key prefix of the photos.
    requested
        Whether a user requested a full refresh.
    """
    if published and published.run:
        before = published.model["preprocessing"]
        if published.model["sha256"] != identity.model_sha256:
            return FullRefresh("the model changed", other_features=True)
        if before != identity.preprocessing:
            changed = f"the preprocessing changed (published {before}, now {identity.preprocessing})"
            return FullRefresh(changed, other_features=True)
        if published.images_prefix != images_prefix:
            return FullRefresh("the prefix of the photos changed")  # the label of a photo depends on it
    return FullRefresh("a full refresh was requested" if requested else "")
