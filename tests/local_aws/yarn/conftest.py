"""A stack whose clusters have a real YARN, and one cluster of it with two NodeManagers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from local_aws.settings import Settings
from local_aws.stack import Stack
from tests.local_aws.clusters import BUCKET, start, wait_cluster
from tests.local_aws.conftest import started
from tests.local_aws.yarn.jobs import JOBS, SECONDS

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module")
def yarn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack."""
    if not (Settings().jars / "yarn-hadoop-3.4.2").is_dir():
        pytest.skip("the jars of YARN are not installed (`make jars` downloads them)")
    state = tmp_path_factory.mktemp("yarn")
    with started(state, "--cluster", "yarn", "--yarn-nodes", "2") as running:
        s3 = running.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        for name, text in JOBS.items():
            s3.put_object(Bucket=BUCKET, Key=f"jobs/{name}.py", Body=text.encode())
        yield running


@pytest.fixture(scope="module")
def yarn_emr(yarn: Stack) -> EMRClient:
    return yarn.client("emr")


@pytest.fixture(scope="module")
def yarn_s3(yarn: Stack) -> S3Client:
    return yarn.client("s3")


@pytest.fixture(scope="module")
def two_nodes(yarn_emr: EMRClient) -> str:
    """A cluster that waits for steps. Its workers are too many for the limit of two. It ends with the stack."""
    cluster_id = start(yarn_emr, "yarn", keep_alive=True, Configurations=CLASSIFICATIONS, Instances=THREE_WORKERS)
    wait_cluster(yarn_emr, cluster_id, "WAITING", seconds=SECONDS)
    return cluster_id


CLASSIFICATIONS = [
    {
        "Classification": "capacity-scheduler",
        "Properties": {
            "yarn.scheduler.capacity.resource-calculator": (
                "org.apache.hadoop.yarn.util.resource.DominantResourceCalculator"
            )
        },
    },
    {
        "Classification": "spark-defaults",
        "Properties": {"spark.verger.test": "classified", "spark.executor.memory": "512m"},
    },
]
THREE_WORKERS = {
    "InstanceGroups": [
        {"InstanceRole": "MASTER", "InstanceType": "c6i.xlarge", "InstanceCount": 1},
        {"InstanceRole": "CORE", "InstanceType": "c6i.xlarge", "InstanceCount": 1},
        {"InstanceRole": "TASK", "InstanceType": "c6i.xlarge", "InstanceCount": 2, "Market": "SPOT"},
    ],
    "KeepJobFlowAliveWhenNoSteps": True,
}
