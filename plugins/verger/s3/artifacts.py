"""Uploads the artifact set (model, Spark code, wheelhouse, bootstrap script) to the bucket, once for each content."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verger.s3.clients import error_code
from verger.settings import Settings
from verger_contract import keys
from verger_contract.errors import VergerError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

MANIFEST = "manifest.json"
MODEL = "model/mobilenet_v2.tflite"
REQUIRED = (
    "bootstrap_emr.sh",
    "featurize.py",
    "pca.py",
    "verger_spark.zip",
    "model/model.json",
    "model/canary.json",
    MODEL,
)
ENV_DIGITS = 12
BUILD = "run `make artifacts`, or point VERGER_ARTIFACTS_DIR at a complete set"


class ArtifactError(VergerError):
    """The artifact set is missing, incomplete, altered or not allowed; the message says what to do."""


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


def upload(s3: S3Client, settings: Settings) -> dict[str, str]:
    """Verify the local set, and upload the files that are missing in the bucket.

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
    folder = storage.artifacts_dir
    sha256, manifest = verify(folder)
    weights = manifest["weights"]
    if weights == "random" and not storage.allow_random_weights:
        raise ArtifactError(
            f"{folder}: the model has random weights, so its features mean nothing; build the set with "
            "`--weights imagenet`, or set VERGER_ALLOW_RANDOM_WEIGHTS=true for tests"
        )
    prefix = keys.artifacts(sha256)
    # The manifest is the last file: when it is in the bucket, the set is complete.
    sent = [
        name
        for name in [*manifest["files"], MANIFEST]
        if _put_if_absent(s3, storage.bucket, f"{prefix}/{name}", folder / name)
    ]
    log.info(
        "%s: %s weights, %d files uploaded, %d already in the bucket",
        keys.uri(storage.bucket, prefix),
        weights,
        len(sent),
        len(manifest["files"]) + 1 - len(sent),
    )
    return {
        "sha256": sha256,
        "uri": keys.uri(storage.bucket, prefix),
        "environment": f"{settings.cluster.node_env_dir}/{sha256[:ENV_DIGITS]}",
        "weights": weights,
        "model_sha256": manifest["files"][MODEL]["sha256"],
        "preprocessing_version": str(manifest["preprocessing"]),
    }


def identity(folder: Path) -> ArtifactSet:
    """Return what identifies the local set from its manifest, without reading the other files.

    Raises
    ------
    ArtifactError
        There is no complete set.
    """
    sha256, manifest = _manifest(folder)
    return ArtifactSet(sha256, manifest["files"][MODEL]["sha256"], manifest["preprocessing"])


def verify(folder: Path) -> tuple[str, dict[str, Any]]:
    """Check every file of the set against the manifest. Return the SHA-256 of the set and the manifest.

    Raises
    ------
    ArtifactError
        A file is missing or altered; the message names the first.
    """
    sha256, manifest = _manifest(folder)
    for file, expected in manifest["files"].items():
        _verify_file(folder / file, expected)
    return sha256, manifest


def _manifest(folder: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{folder / MANIFEST}: no artifact set ({error.strerror}); {BUILD}") from error
    sha256 = hashlib.sha256(text).hexdigest()
    name = folder.resolve().name
    if len(name) == 64 and name != sha256:
        raise ArtifactError(f"{folder / MANIFEST}: altered: expected SHA-256 {name}, found {sha256}; {BUILD}")
    manifest = json.loads(text)
    absent = [name for name in REQUIRED if name not in manifest["files"]]
    if absent:
        raise ArtifactError(f"{folder / MANIFEST}: expected {absent[0]} in the list of files, found none; {BUILD}")
    if not isinstance(manifest.get("preprocessing"), int):
        found = manifest.get("preprocessing", "none, as in a set of an earlier Verger")
        raise ArtifactError(f"{folder / MANIFEST}: expected the number `preprocessing`, found {found}; {BUILD}")
    return sha256, manifest


def _verify_file(path: Path, expected: dict[str, Any]) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ArtifactError(f"{path}: missing from the artifact set ({error.strerror}); {BUILD}") from error
    if found != expected["sha256"]:
        raise ArtifactError(f"{path}: altered: expected SHA-256 {expected['sha256']}, found {found}; {BUILD}")


def _put_if_absent(s3: S3Client, bucket: str, key: str, path: Path) -> bool:
    """Upload the file if the key has no object yet. Return whether it was uploaded."""
    from botocore.exceptions import ClientError

    size = path.stat().st_size
    try:
        found = s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    except ClientError as error:
        if error_code(error) not in ("404", "NoSuchKey", "NotFound"):
            raise
    else:
        if found != size:
            raise ArtifactError(
                f"{keys.uri(bucket, key)}: altered: expected {size} bytes, found {found}; "
                "delete that object and run again"
            )
        return False
    try:
        with path.open("rb") as body:
            s3.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
    except ClientError as error:
        if error_code(error) != "PreconditionFailed":
            raise
        return False
    return True
