"""Checks of the bucket: where it lies, how it is protected, and whether it has photos and the artifact set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from verger.deployment_check.checks import Check, ProblemError
from verger.s3 import artifact_objects, artifacts
from verger.settings import Settings, Storage
from verger_contract.errors import VergerError
from verger_contract.keys import uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LARGEST_PAGE = 1000
FIRST_REGION = "us-east-1"
"""The region for which S3 gives no name."""


def checks(s3: S3Client, settings: Settings) -> Iterator[Check]:
    """Yield the checks of the bucket."""
    storage = settings.storage
    yield Check(f"bucket {storage.bucket}", "s3:ListBucket", lambda: _region(s3, storage))
    yield Check("encryption", "s3:GetEncryptionConfiguration", lambda: _encryption(s3, storage.bucket))
    yield Check("public access", "s3:GetBucketPublicAccessBlock", lambda: _public_access(s3, storage.bucket))
    yield Check("versions", "s3:GetBucketVersioning", lambda: _versions(s3, storage.bucket))
    yield Check("photos", "s3:ListBucket", lambda: _photos(s3, storage))
    yield Check("artifact set", "s3:GetObject", lambda: _artifacts(s3, settings))


def _region(s3: S3Client, storage: Storage) -> str:
    try:
        answer = s3.head_bucket(Bucket=storage.bucket)
    except s3.exceptions.ClientError as error:
        if error.response.get("Error", {}).get("Code") not in ("404", "NoSuchBucket"):
            raise
        raise ProblemError("does not exist; create the stack, or correct VERGER_BUCKET") from error
    found = answer.get("BucketRegion") or FIRST_REGION
    if found != storage.region:
        raise ProblemError(f"lies in {found}, expected {storage.region}; correct VERGER_REGION or VERGER_BUCKET")
    return f"lies in {found}"


def _encryption(s3: S3Client, bucket: str) -> str:
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    default = rules[0].get("ApplyServerSideEncryptionByDefault", {}) if rules else {}
    found = default.get("SSEAlgorithm", "none")
    if not found.startswith("aws:kms"):
        raise ProblemError(
            f"by default {found}, expected aws:kms; set the default encryption of the bucket to a KMS key"
        )
    return f"by default {found}"


def _public_access(s3: S3Client, bucket: str) -> str:
    try:
        blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    except s3.exceptions.ClientError as error:
        if error.response.get("Error", {}).get("Code") != "NoSuchPublicAccessBlockConfiguration":
            raise
        blocked = {}
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    missing = [name for name in names if not blocked.get(name)]
    if missing:
        raise ProblemError(f"not blocked: {', '.join(missing)}; switch on all four settings of Block Public Access")
    return "blocked"


def _versions(s3: S3Client, bucket: str) -> str:
    found = s3.get_bucket_versioning(Bucket=bucket).get("Status", "off")
    if found != "Enabled":
        raise ProblemError(
            f"{found}, expected Enabled: a photo that is deleted by mistake cannot be restored; enable them"
        )
    return "kept"


def _photos(s3: S3Client, storage: Storage) -> str:
    address = uri(storage.bucket, storage.images_prefix)
    found = s3.list_objects_v2(Bucket=storage.bucket, Prefix=storage.images_prefix, MaxKeys=LARGEST_PAGE)
    if not found.get("KeyCount"):
        raise ProblemError(f"none at {address}; upload photos to {address}<label>/<photo>")
    return f"{'more than ' if found.get('IsTruncated') else ''}{found['KeyCount']:,} objects at {address}"


def _artifacts(s3: S3Client, settings: Settings) -> str:
    storage = settings.storage
    try:
        if storage.artifacts_sha256:
            manifest = artifact_objects.verify(s3, storage.bucket, storage.artifacts_sha256)
            found = f"{storage.artifacts_uri}: {len(manifest.files)} files, as in the manifest"
        else:
            manifest = artifacts.local_manifest(storage.artifacts_dir)
            found = f"{storage.artifacts_dir}: {manifest.sha256[:12]}"
        artifacts.check_architecture(manifest, settings.cluster)
    except (VergerError, OSError) as error:
        raise ProblemError(str(error)) from error
    return f"{found}, for {manifest.arch}"
