from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from airflow.providers.amazon.aws.hooks.emr import EmrHook

from tests.dags.airflow_runs import RunDag
from tests.plugins.conftest import airflow_connection, bucket, client, settings, stack

__all__ = ["airflow_connection", "bucket", "client", "settings", "stack"]


@pytest.fixture(scope="session")
def run_dag(stack: Path, tmp_path_factory: pytest.TempPathFactory) -> RunDag:
    """Runs a DAG in an Airflow of its own."""
    return RunDag(tmp_path_factory.mktemp("airflow"))


@pytest.fixture
def clusters(stack: Path) -> Callable[[], list[str]]:
    """States of the clusters that were launched since the test began."""
    before = cluster_states()
    return lambda: [state for cluster, state in cluster_states().items() if cluster not in before]


def cluster_states() -> dict[str, str]:
    """Of every cluster that the EMR server knows."""
    emr = EmrHook(aws_conn_id="aws_default", region_name="eu-west-3").conn
    return {cluster["Id"]: cluster["Status"]["State"] for cluster in emr.list_clusters()["Clusters"]}
