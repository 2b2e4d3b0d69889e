"""The settings of the two steps."""

from __future__ import annotations

from dataclasses import dataclass

from verger.settings.fields import between, setting
from verger_contract.plan import BasisPolicy
from verger_contract.preprocessing import Decoding
from verger_contract.schemas import FEATURES_WIDTH

BASIS_POLICIES = tuple(policy.value for policy in BasisPolicy)


@dataclass(frozen=True, kw_only=True)
class Featurize:
    """Step 1."""

    decoding: Decoding = setting(  # noqa: RUF009 (makes a field)
        "how step 1 decodes large JPEG files; exact: all pixels, then one resize; scaled: libjpeg decodes at 1/2, 1/4 "
        "or 1/8 of the size, but at least at twice the network's input; another value than that of the published "
        "features means a full refresh",
        "exact or scaled",
        lambda value: value in Decoding,
        default=Decoding.EXACT,
    )
    photos_per_task: int = between(
        "the largest number of photos in a Spark task; 0: step 1 chooses it", 0, 100_000, 0, "photos"
    )


@dataclass(frozen=True, kw_only=True)
class Pca:
    """Step 2."""

    target_variance: float = setting(
        "the share of the variance that the components together explain",
        "more than 0, at most 1",
        lambda value: 0 < value <= 1,
        default=0.90,
    )
    pca_basis: str = setting(
        "the PCA basis of a run; auto: keep the published basis while it explains the target variance less "
        "VERGER_BASIS_TOLERANCE, unless the target was changed, the model or the preprocessing changed, or the "
        "basis has more than VERGER_MAX_COMPONENTS components; refit: fit a new basis to the current photos; reuse: "
        "keep the published basis whatever it explains",
        "auto, refit or reuse",
        lambda value: value in BASIS_POLICIES,
        default="auto",
    )
    basis_tolerance: float = between(
        "how far the explained variance of a kept basis may lie below the target variance; with 0, nearly every run "
        "fits a new basis, because a new basis reaches the target by a narrow margin",
        0,
        0.2,
        0.01,
        "share",
    )
    max_components: int = between(
        "the largest number of components; when the target variance needs more, step 2 fails",
        1,
        FEATURES_WIDTH,
        FEATURES_WIDTH,
        "components",
    )
    full_pass_after: int = between(
        "the number of publications after which step 2 makes a full pass: it reads all features again, so that the "
        "rounding errors of the updated statistics do not add up; with 1, every run does",
        1,
        1000,
        50,
        "publications",
    )
