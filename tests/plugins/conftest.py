"""S3 and EMR as the pipeline meets them: a stack of local_aws, started once for all tests of plugins/ and dags/."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests.places import ROOT, environment_python
from tests.ports import free_ports
from verger.s3 import clients
from verger.settings import Settings

# How long an example takes says more of the machine than of the code.
hypothesis.settings.register_profile("verger", deadline=None)
hypothesis.settings.load_profile("verger")

BUCKET_REGION = {"LocationConstraint": "eu-west-3"}


@pytest.fixture(scope="session", autouse=True)
def airflow_connection() -> Iterator[None]:
    """Airflow's connection without anything of its own: endpoint and credentials come from the environment."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
        yield


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running local_aws, whose endpoints and credentials are in the environment."""
    state = tmp_path_factory.mktemp("local_aws")
    first = free_ports()
    ports = ["--s3-port", str(first), "--emr-port", str(first + 8)]
    with pytest.MonkeyPatch.context() as patch:
        try:
            _local_aws("up", "--state", str(state), *ports)
            for name, value in re.findall(
                r"^export (\w+)=['\"]?(.*?)['\"]?$", _local_aws("env", "--state", str(state)), re.MULTILINE
            ):
                patch.setenv(name, value)
            yield state
        finally:
            _local_aws("down", "--state", str(state))


@pytest.fixture
def settings(stack: Path) -> Iterator[Settings]:
    """Of a new, empty bucket."""
    with bucket_settings() as made:
        yield made


@contextmanager
def bucket_settings() -> Iterator[Settings]:
    """Of a new, empty bucket, which goes with the body of the `with`: a bucket costs the server volumes."""
    bucket = f"orchard-{uuid.uuid4().hex[:12]}"
    made = Settings.from_environment({"VERGER_BUCKET": bucket, "VERGER_LOG_WAIT_SECONDS": "20"})
    client = clients.client(made.storage)
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration=BUCKET_REGION)
    yield made
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", ()):
            client.delete_object(Bucket=bucket, Key=item["Key"])
    client.delete_bucket(Bucket=bucket)


@pytest.fixture
def client(settings: Settings) -> Any:
    return clients.client(settings.storage)


@pytest.fixture
def bucket(settings: Settings) -> str:
    return settings.storage.bucket


def with_storage(settings: Settings, **values: Any) -> Settings:
    """The settings with others for the storage."""
    return replace(settings, storage=replace(settings.storage, **values))


def _local_aws(*arguments: str) -> str:
    command = [str(environment_python("dev")), "-m", "local_aws", *arguments]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    done = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
