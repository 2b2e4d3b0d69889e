"""One stack for the whole test session, on free ports and in a folder of its own."""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local_aws.settings import REPOSITORY
from local_aws.stack import Stack
from tests.local_aws.clusters import BUCKET, start
from tests.ports import free_ports

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client

DEV_PYTHON = REPOSITORY / ".verger" / "venv" / "dev" / "bin" / "python"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack, started by the command line in the dev environment."""
    if not DEV_PYTHON.exists():
        pytest.skip(f"{DEV_PYTHON}: not installed; `make setup` installs it")
    state = tmp_path_factory.mktemp("stack")
    with started(state) as running:
        running.client("s3").create_bucket(Bucket=BUCKET)
        yield running


@contextmanager
def started(state: Path, *options: str) -> Iterator[Stack]:
    """Run a stack on free ports. It is ended also after an error or an interrupt while it starts."""
    first = free_ports()
    try:
        local_aws("up", "--state", str(state), "--s3-port", str(first), "--emr-port", str(first + 8), *options)
        yield Stack(state)
    finally:
        local_aws("down", "--state", str(state))


def local_aws(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `python -m local_aws ...` in the dev environment."""
    answer = subprocess.run(
        [str(DEV_PYTHON), "-m", "local_aws", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert not check or answer.returncode == 0, answer.stderr
    return answer


@pytest.fixture(scope="session")
def emr(stack: Stack) -> EMRClient:
    return stack.client("emr")


@pytest.fixture(scope="session")
def s3(stack: Stack) -> S3Client:
    return stack.client("s3")


@pytest.fixture(scope="session", autouse=importlib.util.find_spec("airflow") is None)
def idle_cluster(emr: EMRClient) -> str:
    """A cluster with the shortest idle timeout of EMR, one minute. It starts first and waits while other tests run."""
    return start(emr, "idle", keep_alive=True, AutoTerminationPolicy={"IdleTimeout": 60})
