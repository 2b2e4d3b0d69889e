"""The JSON files that the steps write: progress.json, featurize.json, pca.json."""

from __future__ import annotations

from typing import TypedDict


class Progress(TypedDict):
    """runs/<id>/progress.json. `step` is featurize or pca; times are ISO 8601, UTC; `done` and `total` count photos."""

    step: str
    application: str
    done: int
    total: int
    started_at: str
    updated_at: str


class FeaturizeMetrics(TypedDict):
    """runs/<id>/featurize.json. `rejects` counts photos by kind, `seconds` holds the duration of each part.

    `inventory_etag`, `model`, `model_sha256` and `preprocessing` identify the work. A step that is submitted a second
    time for the same work ends at once.
    """

    photos: int
    featurized: int
    rejected: int
    rejects: dict[str, int]
    weights: str
    photos_per_second: float
    started_at: str
    seconds: dict[str, float]
    spark: str
    application: str
    inventory_etag: str
    model: str
    model_sha256: str
    preprocessing: str


class BasisMetrics(TypedDict):
    """Which basis step 2 used. `action` is kept or refitted."""

    action: str
    policy: str
    reason: str
    uri: str | None


class LabelDrift(TypedDict):
    """A row of the drift table (see `schemas.DRIFT`). `photos` counts the earlier photos."""

    label: str
    photos: int
    new: int
    distance: float | None
    spread: float | None
    ratio: float | None


class DriftMetrics(TypedDict):
    """How the new photos differ from the earlier ones; `labels` holds the largest distances."""

    new: int
    explained_variance: float | None
    labels: list[LabelDrift]


class PcaMetrics(TypedDict):
    """runs/<id>/pca.json. Shares of the variance are None when the photos have no variance."""

    photos: int
    k: int
    target_variance: float
    explained_variance: float | None
    explained_variance_ratio: list[float] | None
    weights: str | None
    basis: BasisMetrics
    drift: DriftMetrics | None
    compacted: int
    started_at: str
    seconds: dict[str, float]
    spark: str
    application: str
