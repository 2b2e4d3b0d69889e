"""The artifact set of a run (model, Spark code, wheelhouse, bootstrap script): verified, and put into the bucket.

It is either a folder that this module uploads once for each content, or a set that the bucket already has.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from verger.s3 import artifact_objects
from verger.s3.artifact_manifest import MANIFEST, MODEL, REQUIRED, ArtifactError, ArtifactFile, Manifest, parse
from verger.s3.clients import error_code
from verger.settings import Cluster, Settings, Storage
from verger.settings.instance_types import architecture
from verger_contract import keys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["MANIFEST", "MODEL", "REQUIRED", "ArtifactError", "ArtifactSet", "identity", "stage", "upload"]

log = logging.getLogger(__name__)

ENV_DIGITS = 12
BUILD = (
    "run `make artifacts`, or point VERGER_ARTIFACTS_DIR at a complete set, or VERGER_ARTIFACTS_URI at an uploaded one"
)


@dataclass(frozen=True)
class ArtifactSet:
    """What identifies an artifact set and the features that it computes.

    Attributes
    ----------
    sha256, model_sha256 : str
        SHA-256 of the set and of its model.
    preprocessing_version : int
        Version of the decoding rules of its code (see `verger_contract.preprocessing`).
    """

    sha256: str
    model_sha256: str
    preprocessing_version: int


def stage(s3: S3Client, settings: Settings) -> dict[str, str]:
    """Verify the artifact set of the settings. If it is a folder, upload the files that are missing in the bucket.

    Returns
    -------
    dict of str to str
        `sha256` and `uri` of the set, `environment` (the folder of the Python environment that the bootstrap action
        creates on each node), `weights`, `model_sha256`, and `preprocessing_version` (see `ArtifactSet`).

    Raises
    ------
    ArtifactError
    """
    storage = settings.storage
    if storage.artifacts_sha256:
        manifest = artifact_objects.verify(s3, storage.bucket, storage.artifacts_sha256)
        _check_weights(manifest, storage)
        log.info("%s: %s weights, %d files verified", storage.artifacts_uri, manifest.weights, len(manifest.files))
    else:
        manifest = upload(s3, storage)
    check_architecture(manifest, settings.cluster)
    return {
        "sha256": manifest.sha256,
        "uri": keys.uri(storage.bucket, keys.artifacts(manifest.sha256)),
        "environment": f"{settings.cluster.node_env_dir}/{manifest.sha256[:ENV_DIGITS]}",
        "weights": manifest.weights,
        "model_sha256": manifest.files[MODEL].sha256,
        "preprocessing_version": str(manifest.preprocessing),
    }


def identity(s3: S3Client, storage: Storage) -> ArtifactSet:
    """Return what identifies the set of the settings from its manifest, without reading the other files.

    Raises
    ------
    ArtifactError
        There is no complete set.
    """
    if storage.artifacts_sha256:
        manifest = artifact_objects.read_manifest(s3, storage.bucket, storage.artifacts_sha256)
    else:
        manifest = local_manifest(storage.artifacts_dir)
    return ArtifactSet(manifest.sha256, manifest.files[MODEL].sha256, manifest.preprocessing)


def upload(s3: S3Client, storage: Storage) -> Manifest:
    """Verify the set in the folder of the settings, and upload the files that are missing in the bucket.

    Raises
    ------
    ArtifactError
        A file is missing or altered; the message names the first.
    """
    folder = storage.artifacts_dir
    manifest = local_manifest(folder)
    for name, expected in manifest.files.items():
        _verify_file(folder / name, expected)
    _check_weights(manifest, storage)
    prefix = keys.artifacts(manifest.sha256)
    # The manifest is the last file: when it is in the bucket, the set is complete.
    sha256s = {name: file.sha256 for name, file in manifest.files.items()} | {MANIFEST: manifest.sha256}
    sent = [
        name
        for name, sha256 in sha256s.items()
        if _put_if_absent(s3, storage.bucket, f"{prefix}/{name}", folder / name, sha256)
    ]
    log.info(
        "%s: %s weights, %d files uploaded, %d already in the bucket",
        keys.uri(storage.bucket, prefix),
        manifest.weights,
        len(sent),
        len(sha256s) - len(sent),
    )
    return manifest


def check_architecture(manifest: Manifest, cluster: Cluster) -> None:
    """Compare the architecture of a set with that of the nodes, on which the bootstrap action would fail otherwise.

    Raises
    ------
    ArtifactError
    """
    other = [
        name
        for name in (*cluster.primary_instance_types, *cluster.worker_instance_types)
        if architecture(name) != manifest.arch
    ]
    if other:
        raise ArtifactError(
            f"{manifest.address}: for nodes of {manifest.arch}; expected {architecture(other[0])}, because the cluster "
            f"may have {', '.join(other)}; build a set with `make artifacts ARCH={architecture(other[0])}`, or set "
            f"VERGER_WORKER_INSTANCE_TYPES and VERGER_PRIMARY_INSTANCE_TYPES to types of {manifest.arch}"
        )


def _check_weights(manifest: Manifest, storage: Storage) -> None:
    if manifest.weights == "random" and not storage.allow_random_weights:
        raise ArtifactError(
            f"{manifest.address}: the model has random weights, so its features mean nothing; build the set with "
            "`--weights imagenet`, or set VERGER_ALLOW_RANDOM_WEIGHTS=true for tests"
        )


def local_manifest(folder: Path) -> Manifest:
    """Return the manifest of the set in a folder, without reading the other files.

    Raises
    ------
    ArtifactError
        There is no complete set.
    """
    try:
        text = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{folder / MANIFEST}: no artifact set ({error.strerror}); {BUILD}") from error
    name = folder.resolve().name
    return parse(text, str(folder / MANIFEST), name if len(name) == 64 else None, BUILD)


def _verify_file(path: Path, expected: ArtifactFile) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArtifactError(f"{path}: missing from the artifact set ({error.strerror}); {BUILD}") from error
    if found != expected.sha256:
        raise ArtifactError(f"{path}: altered: expected SHA-256 {expected.sha256}, found {found}; {BUILD}")


def _put_if_absent(s3: S3Client, bucket: str, key: str, path: Path, sha256: str) -> bool:
    """Upload the file if the key has no object yet. Return whether it was uploaded.

    S3 compares the content with the SHA-256 and stores it with the object.
    """
    from botocore.exceptions import ClientError

    size = path.stat().st_size
    try:
        found = s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    except ClientError as error:
        if error_code(error) not in artifact_objects.MISSING:
            raise
    else:
        if found != size:
            raise ArtifactError(
                f"{keys.uri(bucket, key)}: altered: expected {size} bytes, found {found}; "
                "delete that object and run again"
            )
        return False
    checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
    try:
        with path.open("rb") as body:
            s3.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*", ChecksumSHA256=checksum)
    except ClientError as error:
        if error_code(error) != "PreconditionFailed":
            raise
        return False
    return True
