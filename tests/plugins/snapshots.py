"""Snapshots for tests that only care for some of what one says."""

from __future__ import annotations

from typing import Any

from verger.publication.model import FeatureRun, Snapshot
from verger_contract.keys import Run


def snapshot(run: str | None, **values: Any) -> Snapshot:
    """A publication of three photos by that run."""
    said: dict[str, Any] = {
        "published_at": "2026-11-24T02:30:00+00:00",
        "features": (FeatureRun(run=run, rows=3, current_rows=3),) if run else (),
        "pca": run,
        "basis": run,
        "photos": 3,
        "rejected": 1,
        "k": 2,
        "target_variance": 0.9,
        "explained_variance": 0.91,
        "model": {"weights": "imagenet", "sha256": "ab" * 32},
        "artifacts": "cd" * 32,
        "images_prefix": "images/",
        "basis_target": 0.9,
        "changes": {"listed": 4, "new": 4},
        "basis_reason": "no basis is published yet",
    }
    return Snapshot(run=run, **said | values)


def put_data(client: Any, bucket: str, made: Snapshot) -> None:
    """Something in every place that the snapshot names."""
    run = Run(bucket, str(made.run))
    places = [Run(bucket, features.run).features for features in made.features]
    places += [Run(bucket, str(made.pca)).pca, Run(bucket, str(made.basis)).basis]
    for key in (*(f"{place}part-0.parquet" for place in places), run.manifest, run.deletes):
        client.put_object(Bucket=bucket, Key=key, Body=b"")
