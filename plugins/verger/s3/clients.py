"""The factory of S3 clients, and the operations that several modules need.

The endpoint comes from the environment (`AWS_ENDPOINT_URL_S3`), the credentials from the Airflow connection. Every
client raises StorageError for errors that a retry does not fix: see `verger.s3.errors`.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from verger.s3 import errors
from verger.s3.errors import StorageError

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from botocore.config import Config
    from mypy_boto3_s3 import S3Client
    from pyarrow.fs import FileSystem

    from verger.settings import Storage


def client_config(**options: Any) -> Config:
    """Return the configuration of an S3 client.

    It uses path-style addresses when an endpoint is set: only AWS resolves `<bucket>.<host>`.

    Parameters
    ----------
    **options
        Options of botocore's Config that replace the defaults, such as `connect_timeout`.
    """
    from botocore.config import Config

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    defaults: dict[str, Any] = {
        "s3": {"addressing_style": "path" if endpoint else "auto"},
        "retries": {"mode": "standard", "max_attempts": 6},
    }
    return Config(**defaults | options)


def hook(storage: Storage, **options: Any) -> S3Hook:
    """Return Airflow's hook for S3; `options` as in `client_config`."""
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    return S3Hook(aws_conn_id=storage.aws_conn_id, region_name=storage.region, config=client_config(**options))


def client(storage: Storage, **options: Any) -> S3Client:
    """Return a boto3 client that raises StorageError; `options` as in `client_config`."""
    made: S3Client = hook(storage, **options).get_conn()
    errors.raise_storage_errors(made, storage.aws_conn_id)
    return made


def filesystem(storage: Storage) -> FileSystem:
    """Return the bucket's S3 as a pyarrow file system to read from. Its paths are `<bucket>/<key>`.

    It uses the current credentials of the session for every file that it opens, so that reads may take longer than
    the lifetime of temporary credentials.
    """
    from airflow.sdk.log import mask_secret
    from pyarrow.fs import PyFileSystem

    from verger.s3.filesystem import RefreshingS3

    s3_hook = hook(storage)
    session = s3_hook.get_session(region_name=storage.region)
    credentials = session.get_credentials()
    if credentials is None:
        raise StorageError(errors.no_credentials(f"s3://{storage.bucket}", storage.aws_conn_id))
    s3: S3Client = s3_hook.get_conn()
    options = {"region": storage.region, "endpoint_override": s3.meta.endpoint_url}
    return PyFileSystem(RefreshingS3(credentials, mask_secret, **options))


def check_region(s3: S3Client, storage: Storage) -> None:
    """Check that the bucket lies in the region of the settings.

    A server other than AWS may return no region. Then there is nothing to compare.

    Raises
    ------
    StorageError
        The bucket lies in another region.
    """
    found = s3.head_bucket(Bucket=storage.bucket).get("BucketRegion")
    if found and found != storage.region:
        raise StorageError(
            f"s3://{storage.bucket}: expected a bucket in {storage.region} (VERGER_REGION), found it in {found}; "
            "the cluster would read the photos from another region: correct VERGER_REGION or move the photos to a "
            f"bucket in {storage.region}"
        )


def read_json(s3: S3Client, bucket: str, key: str) -> Any:
    """Return the parsed object, or None when there is none."""
    try:
        return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None


def write_json(s3: S3Client, bucket: str, key: str, value: Any) -> None:
    """Write `value` as JSON."""
    body = json.dumps(value, indent=2, ensure_ascii=False).encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")


def error_code(error: Exception) -> str:
    """Return the code of a botocore ClientError, such as `NoSuchBucket`, `403` or `PreconditionFailed`."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
