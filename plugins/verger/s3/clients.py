"""The factory of S3 clients, and the operations that several modules need.

The endpoint comes from the environment (`AWS_ENDPOINT_URL_S3`), the credentials from the Airflow connection. Every
client raises StorageError for errors that a retry does not fix, and UnavailableError when S3 gave no answer within the
attempts and time limits of the settings: see `verger.s3.errors`.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from verger import cut_answers
from verger.s3 import bodies, errors
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
        Options of botocore's Config, such as those of `Storage.request_options`.
    """
    from botocore.config import Config

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return Config(**{"s3": {"addressing_style": "path" if endpoint else "auto"}, **options})


def hook(storage: Storage, **options: Any) -> S3Hook:
    """Return Airflow's hook for S3.

    The options of the settings count unless the Airflow connection has others (`config_kwargs` in its extra).

    Parameters
    ----------
    **options
        Options of botocore's Config that count in any case.
    """
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook
    from botocore.config import Config

    connection: dict[str, Any] = {"aws_conn_id": storage.aws_conn_id, "region_name": storage.region}
    of_connection = S3Hook(**connection).config
    config = client_config(**storage.request_options).merge(of_connection).merge(Config(**options))
    return S3Hook(**connection, config=config)


def client(storage: Storage, **options: Any) -> S3Client:
    """Return a boto3 client that raises StorageError and UnavailableError; `options` as in `hook`.

    Raises
    ------
    StorageError
        The Airflow connection has no usable credentials.
    """
    with errors.explained_credentials(storage.aws_conn_id):
        made: S3Client = hook(storage, **options).get_conn()
    cut_answers.repeat(made)
    errors.raise_storage_errors(made, storage.aws_conn_id)
    # botocore makes the exception classes at their first use. Two threads at once would get different ones, and
    # `except s3.exceptions.NoSuchKey` of one thread would not catch what the other one has raised.
    _ = made.exceptions
    return made


def filesystem(s3: S3Client) -> FileSystem:
    """Return S3 as a pyarrow file system to read from, by a client of `client`. Its paths are `<bucket>/<key>`."""
    from pyarrow.fs import PyFileSystem

    from verger.s3.filesystem import ReadOnlyS3

    return PyFileSystem(ReadOnlyS3(s3))


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
        return json.loads(bodies.content(s3, bucket, key).body)
    except s3.exceptions.NoSuchKey:
        return None


def write_json(s3: S3Client, bucket: str, key: str, value: Any) -> None:
    """Write `value` as JSON."""
    body = json.dumps(value, indent=2, ensure_ascii=False).encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")


def error_code(error: Exception) -> str:
    """Return the code of a botocore ClientError, such as `NoSuchBucket`, `403` or `PreconditionFailed`."""
    return str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
