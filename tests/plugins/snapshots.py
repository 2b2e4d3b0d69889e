"""Snapshots with default values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verger.publication import coordinates
from verger.publication.model import FeatureRun, PcaRun, Snapshot
from verger_contract.keys import Run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def snapshot(run: str | None, **values: Any) -> Snapshot:
    """Return a snapshot of three photos of that run."""
    defaults: dict[str, Any] = {
        "published_at": "2026-11-24T02:30:00+00:00",
        "features": (FeatureRun(run=run, rows=3, current_rows=3),) if run else (),
        "pca": (PcaRun(run=run, rows=3, features=(run,)),) if run else (),
        "basis": run,
        "photos": 3,
        "rejected": 1,
        "k": 2,
        "target_variance": 0.9,
        "explained_variance": 0.91,
        "model": {"weights": "imagenet", "sha256": "ab" * 32, "preprocessing": "2-exact"},
        "artifacts": "cd" * 32,
        "images_prefix": "images/",
        "basis_target": 0.9,
        "changes": {"listed": 4, "new": 4},
        "basis_reason": "no basis is published yet",
    }
    return Snapshot(run=run, **defaults | values)


def put_data(client: S3Client, bucket: str, made: Snapshot) -> None:
    """Write an object under every prefix that the snapshot names."""
    run = Run(bucket, str(made.run), pca_attempt=made.pca_attempt)
    prefixes = [Run(bucket, features.run).features for features in made.features]
    prefixes += [*coordinates.prefixes(bucket, made), Run(bucket, str(made.basis)).basis]
    statistics = [] if made.since_full_pass is None else [run.moments, run.label_sums]
    for key in (*(f"{prefix}part-0.parquet" for prefix in prefixes), run.manifest, run.deletes, *statistics):
        client.put_object(Bucket=bucket, Key=key, Body=b"")
