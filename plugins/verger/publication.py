"""What `published.json` says: the run whose features, basis and projections are current, and its facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from verger.paths import Run
from verger.s3 import read_json


def document(s3: Any, run: Run, staged: Mapping[str, str]) -> dict[str, Any]:
    """From what was staged and the metrics that the two steps left in the bucket.

    `features` lists the runs whose features are current; `pca` and `basis` name the run that holds each.
    """
    featurize, pca = (read_json(s3, run.bucket, run.metrics(stage)) or {} for stage in ("featurize", "pca"))
    return {
        "run": run.id,
        "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "features": [run.id],
        "pca": run.id,
        "basis": run.id,
        "photos": pca["photos"],
        "rejected": featurize["rejected"],
        "k": pca["k"],
        "target_variance": pca["target_variance"],
        "explained_variance": pca["explained_variance"],
        "model": {"weights": staged["weights"], "sha256": staged["model_sha256"]},
        "artifacts": staged["sha256"],
    }
