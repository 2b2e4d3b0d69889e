"""The thresholds of all warnings, of the report and of the page in Airflow."""

from __future__ import annotations

from dataclasses import dataclass

from verger.settings import Settings

NEAR = 0.8
"""A value above this share of its limit causes a warning before it reaches the limit."""

FAR = 0.5
"""A label's new photos are far when their mean lies further from the mean of its earlier photos than this share of
their spread."""

BY_CHANCE = 2.0
"""A distance below this multiple of the distance that chance alone gives to so few photos is no warning."""

LABELS_NAMED = 5
"""Labels that one warning names."""

EARLIER_RUNS = 3
"""A run is compared with the median of earlier runs when there are at least so many."""

UNUSUAL = 2.0
"""A cost or duration above this multiple of the median causes a warning."""

LEAST_SECONDS = 60.0
"""A run that takes less than this longer than the median causes no warning."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits that fail a run, as shares; a run near one of them causes a warning.

    Attributes
    ----------
    max_rejects_share : float
        Share of all photos that may be rejects.
    max_deleted_share : float
        Share of the published photos that may be deleted at once.
    basis_tolerance : float
        How far the explained variance of a kept basis may lie below the target variance.
    """

    max_rejects_share: float
    max_deleted_share: float
    basis_tolerance: float

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Return the limits of the settings."""
        return cls(
            max_rejects_share=settings.validation.max_rejects_share,
            max_deleted_share=settings.validation.max_deleted_share,
            basis_tolerance=settings.pca.basis_tolerance,
        )
