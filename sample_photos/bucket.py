"""The bucket of an album: its creation, and a store for uploads and downloads."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from obstore.store import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import BucketLocationConstraintType


def create_bucket(s3: S3Client, bucket: str) -> None:
    """Create a bucket in the region of the client, unless it exists."""
    region = cast("BucketLocationConstraintType", s3.meta.region_name)
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})


def open_store(bucket: str, variables: Mapping[str, str]) -> S3Store:
    """Return a store that reads and writes a bucket.

    Parameters
    ----------
    bucket : str
        Name of the bucket.
    variables : mapping
        AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, as environment variables.
    """
    return S3Store(
        bucket,
        endpoint=variables["AWS_ENDPOINT_URL_S3"],
        access_key_id=variables["AWS_ACCESS_KEY_ID"],
        secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region=variables["AWS_REGION"],
        client_options={"allow_http": True},
    )
