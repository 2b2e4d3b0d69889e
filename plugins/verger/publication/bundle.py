"""Exports what a program without S3 needs of a publication to one zip file: features and coordinates of new photos.

The file is a partial copy of the bucket. `verger_reader.open_publication` opens it.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from verger.publication import coordinates, rollback
from verger.publication.model import Publication, Snapshot
from verger.s3 import bodies
from verger.s3.artifacts import MANIFEST, MODEL
from verger.tables.parquet import Store
from verger_contract import keys
from verger_contract.errors import VergerError

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

CODE = "verger_spark.zip"
"""The code of the pipeline in the artifact set."""

LABELS = "labels.json"
"""The number of photos of each label. The bucket has no such file."""


class BundleError(VergerError):
    """The publication cannot be exported; the message says why and what to do."""


def export(s3: S3Client, store: Store, run: str, target: Path, at: datetime) -> Snapshot:
    """Write the bundle of a snapshot to a file. Return the snapshot.

    Parameters
    ----------
    store
        The tables of the bucket.
    run
        The run that published the snapshot. Any kept snapshot can be exported.
    target
        A file that exists is replaced, when the bundle is complete.

    Raises
    ------
    BundleError
        No kept snapshot is of that run; an earlier Verger published it; a file is missing or altered; the name of the
        target does not end in `.zip`.
    RollbackError
        Nothing is published.
    OSError
        The target cannot be written.
    """
    if target.suffix != ".zip":
        raise BundleError(
            f"{target}: expected a name that ends in .zip: verger_reader.py opens others as folders; choose another"
        )
    bucket, publication = store.bucket, rollback.published(s3, store.bucket).publication
    snapshot = _kept(publication, run)
    temporary = target.with_name(f".{target.name}-{os.getpid()}")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            # The big files come first: published.json is only in a complete bundle.
            for key, content in _artifacts(s3, bucket, snapshot):
                archive.writestr(key, content)
            for key in _basis(store, snapshot):
                archive.writestr(key, _read(s3, bucket, key))
            archive.writestr(LABELS, json.dumps(coordinates.labels(store, snapshot), ensure_ascii=False))
            archive.writestr(keys.PUBLISHED, json.dumps(_document(publication, snapshot, bucket, at), indent=2))
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return snapshot


def _kept(publication: Publication, run: str) -> Snapshot:
    found = next((kept for kept in publication.kept if kept.run == run), None)
    if found is None:
        runs = ", ".join(kept.run for kept in publication.kept if kept.run) or "none"
        raise BundleError(f"run {run}: found no kept snapshot of this run, expected one of these runs: {runs}")
    return found


def _artifacts(s3: S3Client, bucket: str, snapshot: Snapshot) -> Iterator[tuple[str, bytes]]:
    """Yield key and content of the files of the artifact set that compute features."""
    prefix = keys.artifacts(snapshot.artifacts)
    content = _verified(s3, bucket, f"{prefix}/{MANIFEST}", snapshot.artifacts)
    manifest = json.loads(content)
    if "libraries" not in manifest:
        raise BundleError(
            f"run {snapshot.run}: an earlier Verger published it, whose code cannot compute the features of single "
            "photos; start a run, which featurizes all photos again, and export its snapshot"
        )
    yield f"{prefix}/{MANIFEST}", content
    folder = f"{MODEL.partition('/')[0]}/"
    for name, entry in manifest["files"].items():
        if name == CODE or name.startswith(folder):
            yield f"{prefix}/{name}", _verified(s3, bucket, f"{prefix}/{name}", entry["sha256"])


def _basis(store: Store, snapshot: Snapshot) -> list[str]:
    """Return the keys of the Parquet files of the basis."""
    prefix = f"{keys.Run(store.bucket, str(snapshot.basis)).basis}data/"
    found = sorted(store.sizes(prefix))
    if not found:
        raise BundleError(f"{keys.uri(store.bucket, prefix)}: expected a file of the snapshot, found none")
    return found


def _verified(s3: S3Client, bucket: str, key: str, sha256: str) -> bytes:
    content = _read(s3, bucket, key)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise BundleError(
            f"{keys.uri(bucket, key)}: altered: expected SHA-256 {sha256}, found {found}; delete that object, and "
            "upload the artifact set again by a run with the parameter `full_refresh`"
        )
    return content


def _read(s3: S3Client, bucket: str, key: str) -> bytes:
    try:
        return bodies.content(s3, bucket, key).body
    except s3.exceptions.NoSuchKey:
        raise BundleError(f"{keys.uri(bucket, key)}: expected a file of the snapshot, found none") from None


def _document(publication: Publication, snapshot: Snapshot, bucket: str, at: datetime) -> dict[str, Any]:
    """Return published.json of the bundle: this snapshot alone, and where the bundle comes from."""
    origin = {"root": f"s3://{bucket}", "exported_at": at.isoformat()}
    return {**Publication(snapshot, (), publication.revision).document(), "bundle": origin}
