"""What `published.json` says: the run whose features, basis and projections are current, and its facts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from verger.paths import Run
from verger.s3 import read_json
from verger.validation.check import ValidationError
from verger.validation.record import counted


def document(s3: Any, run: Run, staged: Mapping[str, str]) -> dict[str, Any]:
    """From what was staged, and from what the checks counted in the tables that the two steps wrote.

    `features` lists the runs whose features are current; `pca` and `basis` name the run that holds each.
    Raises ValidationError when the checks left no counts.
    """
    rows = read_json(s3, run.bucket, run.validation) or {}
    features, pca = counted(rows, "features"), counted(rows, "pca")
    try:
        return {
            "run": run.id,
            "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "features": [run.id],
            "pca": run.id,
            "basis": run.id,
            "photos": pca["photos"],
            "rejected": features["rejected"],
            "k": pca["k"],
            "target_variance": pca["target_variance"],
            "explained_variance": pca["explained_variance"],
            "model": {"weights": staged["weights"], "sha256": staged["model_sha256"]},
            "artifacts": staged["sha256"],
        }
    except KeyError as error:
        raise ValidationError(
            f"{run.uri(run.validation)}: expected the checks of features and pca to have counted {error}, found "
            f"{features | pca}; nothing is published: clear check_features, or start a new run"
        ) from error
