"""A local S3 and EMR (local_aws), started once for all tests of plugins/ and dags/."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.loaders import JSONFileLoader

from local_aws.stack import Stack
from tests.places import ROOT, environment_python
from tests.ports import free_ports
from verger.s3 import clients
from verger.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CreateBucketConfigurationTypeDef, ObjectIdentifierTypeDef

ADMINISTRATOR = ("AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
BUCKET_REGION: CreateBucketConfigurationTypeDef = {"LocationConstraint": "eu-west-3"}


@pytest.fixture(scope="session", autouse=True)
def airflow_connection() -> Iterator[None]:
    """Define an empty Airflow connection: endpoint and credentials come from the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
        yield


@pytest.fixture(scope="session", autouse=True)
def service_models_are_read_once() -> Iterator[None]:
    """Let all clients of a suite share what botocore reads about S3 and EMR: a tenth of a second for each client."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", staticmethod(functools.cache(JSONFileLoader().load_file)))
        yield


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the state folder of a running local_aws. Its endpoints and credentials are in the environment."""
    with running_stack(tmp_path_factory.mktemp("local_aws")) as state:
        yield state


@contextmanager
def running_stack(state: Path, *options: str) -> Iterator[Path]:
    """Run local_aws with its state in a folder while the body runs. `options` are those of its command `up`."""
    first = free_ports()
    ports = ["--s3-port", str(first), "--emr-port", str(first + 8)]
    with pytest.MonkeyPatch.context() as patch:
        try:
            _local_aws("up", "--state", str(state), *ports, *options)
            for name, value in re.findall(
                r"^export (\w+)=['\"]?(.*?)['\"]?$", _local_aws("env", "--state", str(state)), re.MULTILINE
            ):
                patch.setenv(name, value)
            yield state
        finally:
            _local_aws("down", "--state", str(state))


def restart_emr(state: Path) -> None:
    """End the EMR server of a running local_aws and start it again. Clusters that start or run a step are lost."""
    servers = Stack(state)
    servers.end("emr")
    ports = ["--s3-port", str(servers.settings.s3_port), "--emr-port", str(servers.settings.emr_port)]
    _local_aws("up", "--state", str(state), *ports)


@pytest.fixture
def settings(stack: Path) -> Iterator[Settings]:
    """Return the settings of a new, empty bucket."""
    with bucket_settings() as made:
        yield made


@contextmanager
def bucket_settings() -> Iterator[Settings]:
    """Return the settings of a new, empty bucket, and delete the bucket at the end: each takes space of the server."""
    bucket = f"orchard-{uuid.uuid4().hex[:12]}"
    made = Settings.from_environment({"VERGER_BUCKET": bucket, "VERGER_LOG_WAIT_SECONDS": "20"})
    client = _administrator(*(os.environ[name] for name in ADMINISTRATOR))
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration=BUCKET_REGION)
    yield made
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [item["Key"] for item in page.get("Contents", ())]
        # XML has no control characters, so a list of keys cannot name such a key.
        named: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys if key.isprintable()]
        if named:
            client.delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": True})
        for key in keys:
            if not key.isprintable():
                client.delete_object(Bucket=bucket, Key=key)
    client.delete_bucket(Bucket=bucket)


@functools.cache
def _administrator(endpoint: str, key: str, secret: str) -> S3Client:
    """Return one client for all buckets of a server: Airflow's hook takes a tenth of a second to make one."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=clients.client_config(),
    )


@pytest.fixture
def client(settings: Settings) -> S3Client:
    return clients.client(settings.storage)


@pytest.fixture
def bucket(settings: Settings) -> str:
    return settings.storage.bucket


def with_storage(settings: Settings, **values: Any) -> Settings:
    """Return the settings with other values for the storage."""
    return replace(settings, storage=replace(settings.storage, **values))


def _local_aws(*arguments: str) -> str:
    command = [str(environment_python("dev")), "-m", "local_aws", *arguments]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    done = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
