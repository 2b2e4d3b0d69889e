"""runs/<id>/steps/<step id>.json: a submitted step, by which the page of the run finds its logs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StepRecord:
    """A submitted step of EMR.

    Attributes
    ----------
    step : str
        featurize, verify_features, pca or verify_pca.
    cluster : str
        Id of the cluster (j-...).
    step_id : str
        EMR's id of the step (s-...).
    submitted_at : str
        ISO 8601, UTC.
    """

    step: str
    cluster: str
    step_id: str
    submitted_at: str
