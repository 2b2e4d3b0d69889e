"""Steps on a real YARN: nodes, client and cluster mode, container logs, cancellation in cluster mode."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local_aws.yarn import resource_manager
from tests.local_aws.clusters import BUCKET, log_text, step_log, wait_step
from tests.local_aws.emr.test_steps import until
from tests.local_aws.yarn.jobs import SECONDS, addresses, submit
from tests.places import long_form

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client


def test_each_worker_is_a_node_manager_with_the_sizes_of_its_instance_type(yarn_emr: EMRClient, two_nodes: str) -> None:
    primary, *workers = addresses(yarn_emr, two_nodes).values()
    assert resource_manager.running_nodes(primary) == set(workers)
    metrics = resource_manager.metrics(primary)
    assert (metrics["activeNodes"], metrics["totalMB"], metrics["totalVirtualCores"]) == (2, 2 * 5632, 8)
    groups = {
        group["InstanceGroupType"]: (group["RequestedInstanceCount"], group["RunningInstanceCount"])
        for group in yarn_emr.list_instance_groups(ClusterId=two_nodes)["InstanceGroups"]
    }
    assert groups == {"MASTER": (1, 1), "CORE": (1, 1), "TASK": (2, 1)}, "the limit of the stack is two workers"
    one_more: Any = {"InstanceRole": "TASK", "InstanceType": "c6i.xlarge", "InstanceCount": 1}
    with pytest.raises(ClientError, match="does not add nodes"):
        yarn_emr.add_instance_groups(JobFlowId=two_nodes, InstanceGroups=[one_more])


@pytest.mark.parametrize("mode", [long_form("client"), "cluster"])
def test_a_step_runs_in_containers_and_their_logs_have_the_keys_of_emr(
    yarn_emr: EMRClient, yarn_s3: S3Client, two_nodes: str, mode: str
) -> None:
    step_id = submit(yarn_emr, two_nodes, "write", mode, f"s3://{BUCKET}/out/{mode}")
    status = wait_step(yarn_emr, two_nodes, step_id, seconds=SECONDS)["Status"]
    stderr = step_log(yarn_s3, two_nodes, step_id, "stderr")
    assert status["State"] == "COMPLETED", stderr[-3000:]
    name = next(word for word in stderr.split() if word.startswith("application_"))
    logs = f"logs/{two_nodes}/containers/{name}/"

    def driver_output() -> str:
        if mode == "client":
            return step_log(yarn_s3, two_nodes, step_id, "stdout")
        with contextlib.suppress(yarn_s3.exceptions.NoSuchKey):
            return log_text(
                yarn_s3, f"s3://{BUCKET}/{logs}{name.replace('application', 'container')}_01_000001/stdout.gz"
            )
        return ""

    until(lambda: "setting" in driver_output(), "the logs of the containers are on S3", seconds=300)
    lines = {line.split()[0]: line.split()[1:] for line in driver_output().splitlines()}
    written = [one["Key"] for one in yarn_s3.list_objects_v2(Bucket=BUCKET, Prefix=f"out/{mode}/")["Contents"]]
    assert f"out/{mode}/_SUCCESS" in written
    assert len([key for key in written if key.endswith(".parquet")]) == 1
    assert lines["setting"] == ["classified", "yarn"]
    primary, *workers = addresses(yarn_emr, two_nodes).values()
    assert lines["driver"][0] in ([primary] if mode == "client" else workers)
    address, home, region = lines["executor"]
    assert address in workers
    assert "/workers/i-" in home, "each node has a folder of its own"
    assert region == "None", "as on EMR, no container has the region by itself"
    keys = [found["Key"] for found in yarn_s3.list_objects_v2(Bucket=BUCKET, Prefix=logs)["Contents"]]
    assert any(key.endswith("_01_000002/stderr.gz") for key in keys), "the log of the executor"
    controller = step_log(yarn_s3, two_nodes, step_id, "controller")
    assert f"--master yarn --deploy-mode {mode}" in controller
    assert "left out" not in controller


def test_the_cancellation_of_a_step_in_cluster_mode_ends_spark_submit_and_no_more(
    yarn_emr: EMRClient, two_nodes: str
) -> None:
    """The driver is in a container: the application goes on, as in AWS. In client mode it ends (test_on_yarn.py)."""
    [primary, *_] = addresses(yarn_emr, two_nodes).values()

    def containers() -> int:
        return int(resource_manager.metrics(primary)["containersAllocated"])

    until(lambda: containers() == 0, "no earlier application runs", seconds=SECONDS)
    step_id = submit(yarn_emr, two_nodes, "wait", "cluster")
    until(lambda: containers() == 2, "application master and executor run", seconds=SECONDS)
    yarn_emr.cancel_steps(ClusterId=two_nodes, StepIds=[step_id], StepCancellationOption="TERMINATE_PROCESS")
    assert wait_step(yarn_emr, two_nodes, step_id)["Status"]["State"] == "CANCELLED"
    time.sleep(5)
    assert containers() == 2
