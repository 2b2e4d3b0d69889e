from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.dags.airflow_runs import RunDag
from tests.plugins.conftest import airflow_connection, bucket, client, settings, stack
from verger.emr.hook import IdempotentEmrHook

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

__all__ = ["airflow_connection", "bucket", "client", "settings", "stack"]


@pytest.fixture(scope="session")
def run_dag(stack: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDag:
    """Return a function that runs a DAG in its own AIRFLOW_HOME."""
    return RunDag(tmp_path_factory.mktemp("airflow"))


@pytest.fixture
def clusters(stack: Path) -> Callable[[], list[str]]:
    """Return a function that returns the states of the clusters launched since the test started."""
    before = cluster_states()
    return lambda: [state for cluster, state in cluster_states().items() if cluster not in before]


def cluster_states() -> dict[str, str]:
    """Return the states of all clusters by id."""
    return {cluster["Id"]: cluster["Status"]["State"] for cluster in emr_client().list_clusters()["Clusters"]}


def emr_client() -> EMRClient:
    """Return a boto3 client of the local EMR."""
    return IdempotentEmrHook(aws_conn_id="aws_default", region_name="eu-west-3").emr_client
