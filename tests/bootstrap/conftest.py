from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from bootstrap.build import Build, build
from local_aws.credentials import load_or_create
from local_aws.node.folder import environment_of
from local_aws.s3 import seaweedfs
from local_aws.settings import S3_PORTS, Settings
from tests.ports import free_ports

BUCKET = "orchard"
S3_SECONDS = 60.0


@pytest.fixture(scope="session")
def artifact_set() -> Path:
    """The artifact set of this tree, built as by `make artifacts`."""
    return build(Build())


@pytest.fixture(scope="session")
def s3_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A real S3 server with an empty bucket: the environment variables for AWS clients."""
    settings = Settings(state=tmp_path_factory.mktemp("s3"), s3_port=free_ports(S3_PORTS))
    credentials = load_or_create(settings.state)
    environment = environment_of(settings)
    server = seaweedfs.start(settings, credentials)
    try:
        make_bucket(s3_client(environment))
        yield environment
    finally:
        server.kill()  # its data are deleted too, so it need not end cleanly
        server.wait()


def s3_client(environment: dict[str, str]) -> Any:
    """A boto3 client of the server in `environment`."""
    return boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    )


def make_bucket(s3: Any) -> None:
    """Create the bucket. The server answers some seconds after its start."""
    deadline = time.monotonic() + S3_SECONDS
    while True:
        try:
            s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
            return
        except (BotoCoreError, ClientError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
