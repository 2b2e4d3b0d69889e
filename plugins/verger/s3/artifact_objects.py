"""Verifies an artifact set that is in the bucket: every object against the manifest, without a copy in memory."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from verger.s3 import bodies
from verger.s3.artifact_manifest import MANIFEST, ArtifactError, ArtifactFile, Manifest, parse
from verger.s3.clients import error_code
from verger_contract import keys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

UPLOAD = "run `python -m verger.s3 upload-artifacts`, and set VERGER_ARTIFACTS_URI to the address that it prints"
LARGEST_MANIFEST = 1 << 20
"""The most bytes of manifest.json that are read. A set of 30 files has 5 kB."""
CHUNK = 1 << 20
"""The bytes of an object that are in memory at a time."""
MISSING = ("404", "NoSuchKey", "NotFound")


def read_manifest(s3: S3Client, bucket: str, sha256: str) -> Manifest:
    """Read the manifest of the set with this SHA-256.

    Raises
    ------
    ArtifactError
        The manifest is missing, or has another SHA-256.
    """
    from botocore.exceptions import ClientError

    key = f"{keys.artifacts(sha256)}/{MANIFEST}"
    address = keys.uri(bucket, key)
    try:
        text: bytes = bodies.read(s3, bucket, key, lambda answer: answer["Body"].read(LARGEST_MANIFEST + 1))
    except ClientError as error:
        if error_code(error) not in MISSING:
            raise
        raise ArtifactError(f"{address}: no artifact set (no such object); {UPLOAD}") from error
    if len(text) > LARGEST_MANIFEST:
        raise ArtifactError(f"{address}: altered: expected at most {LARGEST_MANIFEST:,} bytes, found more; {UPLOAD}")
    return parse(text, address, sha256, UPLOAD)


def verify(s3: S3Client, bucket: str, sha256: str) -> Manifest:
    """Check every object of the set against the manifest, and return the manifest.

    S3 returns the SHA-256 of an object that was uploaded with it, and has compared both at the upload. An object
    without that checksum is read as a stream.

    Raises
    ------
    ArtifactError
        An object is missing or altered; the message names the first.
    """
    manifest = read_manifest(s3, bucket, sha256)
    for name, expected in manifest.files.items():
        _verify_object(s3, bucket, f"{keys.artifacts(sha256)}/{name}", expected)
    return manifest


def _verify_object(s3: S3Client, bucket: str, key: str, expected: ArtifactFile) -> None:
    from botocore.exceptions import ClientError

    address = keys.uri(bucket, key)
    try:
        head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    except ClientError as error:
        if error_code(error) not in MISSING:
            raise
        raise ArtifactError(f"{address}: missing from the artifact set (no such object); {UPLOAD}") from error
    if head["ContentLength"] != expected.size:
        raise ArtifactError(
            f"{address}: altered: expected {expected.size} bytes, found {head['ContentLength']}; {_again(address)}"
        )
    found = stored_sha256(head.get("ChecksumSHA256")) or _streamed_sha256(s3, bucket, key)
    if found != expected.sha256:
        raise ArtifactError(f"{address}: altered: expected SHA-256 {expected.sha256}, found {found}; {_again(address)}")


def _again(address: str) -> str:
    return f"delete {address}, and run `python -m verger.s3 upload-artifacts`"


def stored_sha256(checksum: str | None) -> str | None:
    """Return the SHA-256 in hex that S3 stores with an object; None when it has none of the whole object.

    The checksum of a multipart upload is that of the checksums of its parts, with their number after a hyphen.

    Examples
    --------
    >>> stored_sha256("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    >>> stored_sha256("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=-2") is None
    True
    """
    if not checksum or "-" in checksum:
        return None
    return base64.b64decode(checksum).hex()


def _streamed_sha256(s3: S3Client, bucket: str, key: str) -> str:
    def consume(answer: dict[str, Any]) -> str:
        digest = hashlib.sha256()
        for chunk in answer["Body"].iter_chunks(CHUNK):
            digest.update(chunk)
        return digest.hexdigest()

    return bodies.read(s3, bucket, key, consume)
