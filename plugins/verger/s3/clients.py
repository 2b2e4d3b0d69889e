"""The one factory of S3 clients, and the few object operations that more than one module needs.

What trying again does not mend (a missing right, bucket or credentials, nobody at the endpoint) every operation of such
a client raises as a StorageError, which names the object and what to do. The endpoint comes from the environment
(`AWS_ENDPOINT_URL_S3`), the credentials from Airflow's connection.
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
    from pyarrow.fs import S3FileSystem

    from verger.settings import Storage


def client_config(**limits: Any) -> Config:
    """Path style wherever an endpoint is named: only AWS itself resolves `<bucket>.<host>`.

    `limits` replace what botocore's Config would have otherwise, such as `connect_timeout`.
    """
    from botocore.config import Config

    named = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    style = {"addressing_style": "path" if named else "auto"}
    return Config(**{"s3": style, "retries": {"mode": "standard", "max_attempts": 6}} | limits)


def hook(storage: Storage, **limits: Any) -> S3Hook:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    return S3Hook(aws_conn_id=storage.aws_conn_id, region_name=storage.region, config=client_config(**limits))


def client(storage: Storage, **limits: Any) -> Any:
    """A boto3 S3 client that explains what it is refused; `limits` as in `client_config`."""
    made = hook(storage, **limits).get_conn()
    errors.explain(made, storage.aws_conn_id)
    return made


def filesystem(storage: Storage) -> S3FileSystem:
    """The same S3 for pyarrow, whose paths are `<bucket>/<key>`."""
    from pyarrow.fs import S3FileSystem

    origin = hook(storage)
    credentials = origin.get_credentials(region_name=storage.region)
    return S3FileSystem(
        access_key=credentials.access_key,
        secret_key=credentials.secret_key,
        session_token=credentials.token,
        region=storage.region,
        endpoint_override=origin.get_conn().meta.endpoint_url,
    )


def check_region(s3: Any, storage: Storage) -> None:
    """Raise StorageError when the bucket lies in another region than the settings say.

    A server that tells no region (not AWS) has none that could be wrong.
    """
    found = s3.head_bucket(Bucket=storage.bucket).get("BucketRegion")
    if found and found != storage.region:
        raise StorageError(
            f"s3://{storage.bucket}: expected a bucket in {storage.region} (VERGER_REGION), found it in {found}; "
            "the cluster would read it from afar and the photos would leave their region: correct VERGER_REGION or "
            "move the photos to a bucket there"
        )


def read_json(s3: Any, bucket: str, key: str) -> Any:
    """The object parsed, or None when there is none."""
    try:
        return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    except s3.exceptions.NoSuchKey:
        return None


def write_json(s3: Any, bucket: str, key: str, value: Any) -> None:
    body = json.dumps(value, indent=2, ensure_ascii=False).encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")


def error_code(error: Exception) -> str:
    """The code of a botocore ClientError: `NoSuchBucket`, `403`, `PreconditionFailed` ..."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
