"""Lost nodes, failed bootstrap actions, and the processes of YARN after the end of a cluster and of the server."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from local_aws.processes.cluster import cluster_processes
from local_aws.stack import Stack
from local_aws.yarn import node_manager, resource_manager
from tests.local_aws.clusters import BUCKET, reason, request, start, step_log, wait_cluster, wait_step
from tests.local_aws.conftest import local_aws
from tests.local_aws.emr.test_steps import until
from tests.local_aws.yarn.jobs import SECONDS, addresses, submit
from tests.places import of_long_form

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client


def processes_of(cluster_id: str, address: str) -> list[psutil.Process]:
    """Return the running processes of a node: NodeManager and containers."""
    return [one for one in cluster_processes(cluster_id) if one.environ().get("SPARK_LOCAL_IP") == address]


def interrupted(yarn: Stack, instance: str, check: bool = True) -> str:
    answer = local_aws("interrupt", instance, "--state", str(yarn.settings.state), check=check)
    return answer.stdout + answer.stderr


def test_a_failed_bootstrap_action_on_half_of_the_workers_ends_the_cluster(
    yarn_emr: EMRClient, yarn_s3: S3Client
) -> None:
    first_worker_fails = b"case $HOME in */workers/*) mkdir $HOME/../../first 2>/dev/null && exit 3;; esac; exit 0\n"
    yarn_s3.put_object(Bucket=BUCKET, Key="boot/one.sh", Body=first_worker_fails)
    action = {"Name": "one", "ScriptBootstrapAction": {"Path": f"s3://{BUCKET}/boot/one.sh"}}
    cluster_id = start(yarn_emr, "one worker fails", BootstrapActions=[action], keep_alive=True)
    state, code, message = reason(wait_cluster(yarn_emr, cluster_id, seconds=SECONDS))
    assert (state, code) == ("TERMINATED_WITH_ERRORS", "BOOTSTRAP_FAILURE")
    assert message.startswith("On 1 slave instance (including i-")
    assert "bootstrap action 1 returned a non-zero return code (3)" in message
    assert cluster_processes(cluster_id) == []


@of_long_form
def test_a_killed_server_leaves_no_daemon_and_a_waiting_cluster_starts_them_again(
    yarn: Stack, yarn_emr: EMRClient, two_nodes: str
) -> None:
    assert len(cluster_processes(two_nodes)) >= 6, "three daemons, each below a subreaper"
    os.kill(int(yarn.status()["emr"]["pid"]), signal.SIGKILL)
    until(lambda: cluster_processes(two_nodes) == [], "the subreapers end the daemons", seconds=300)
    local_aws("up", "--state", str(yarn.settings.state), "--cluster", "yarn")
    [primary, *workers] = addresses(yarn_emr, two_nodes).values()
    until(lambda: resource_manager.running_nodes(primary) == set(workers), "all nodes run", seconds=SECONDS)


def test_a_lost_node(yarn: Stack, yarn_emr: EMRClient, two_nodes: str) -> None:
    found = addresses(yarn_emr, two_nodes)
    [primary, _, task] = found
    assert processes_of(two_nodes, found[task]) != []
    assert task in interrupted(yarn, task)
    assert processes_of(two_nodes, found[task]) == []
    lost = yarn_emr.list_instances(ClusterId=two_nodes, InstanceStates=["TERMINATED"])["Instances"]
    assert [one["Ec2InstanceId"] for one in lost] == [task]
    assert lost[0]["Status"]["StateChangeReason"]["Code"] == "INSTANCE_FAILURE"
    until(lambda: resource_manager.metrics(found[primary])["lostNodes"] == 1, "YARN sees the loss", seconds=300)
    assert yarn_emr.describe_cluster(ClusterId=two_nodes)["Cluster"]["Status"]["State"] == "WAITING"
    assert "expected the id of a running instance" in interrupted(yarn, task, check=False)


def test_the_loss_of_the_last_core_node_ends_the_cluster(yarn: Stack, yarn_emr: EMRClient, two_nodes: str) -> None:
    core = next(
        one["Ec2InstanceId"]
        for one in yarn_emr.list_instances(ClusterId=two_nodes, InstanceGroupTypes=["CORE"])["Instances"]
    )
    interrupted(yarn, core)
    assert reason(wait_cluster(yarn_emr, two_nodes)) == (
        "TERMINATED_WITH_ERRORS", "INSTANCE_FAILURE", "All slaves in the job flow were terminated",
    )  # fmt: skip
    assert cluster_processes(two_nodes) == []


@of_long_form
def test_a_step_survives_the_loss_of_the_node_of_its_application_master(
    yarn: Stack, yarn_emr: EMRClient, yarn_s3: S3Client, tmp_path: Path
) -> None:
    """YARN ends all executors, starts the application master again, and Spark repeats the tasks that ran."""
    began = tmp_path / "began"
    cluster_id = start(yarn_emr, "loss", keep_alive=True)
    wait_cluster(yarn_emr, cluster_id, "WAITING", seconds=SECONDS)
    step_id = submit(yarn_emr, cluster_id, "count", "client", str(began))
    until(lambda: began.exists() and len(began.read_text().split()) >= 3, "three tasks have begun", seconds=SECONDS)
    _, *workers = addresses(yarn_emr, cluster_id).items()
    [node] = [
        instance
        for instance, address in workers
        if any(one.is_application_master for one in node_manager.containers(address))
    ]
    interrupted(yarn, node)
    status = wait_step(yarn_emr, cluster_id, step_id, seconds=2 * SECONDS)["Status"]
    assert status["State"] == "COMPLETED", step_log(yarn_s3, cluster_id, step_id, "stdout")[-3000:]
    assert "counted 20" in step_log(yarn_s3, cluster_id, step_id, "stdout")
    tasks = began.read_text().split()
    assert len(set(tasks)) == 20
    assert len(tasks) <= 20 + 2, "at most the task of each executor that ran, and of one that had just started"
    yarn_emr.terminate_job_flows(JobFlowIds=[cluster_id])


def test_down_ends_the_daemons_of_a_cluster_that_starts(yarn: Stack, yarn_emr: EMRClient) -> None:
    cluster_id = yarn_emr.run_job_flow(**request("starting", keep_alive=True))["JobFlowId"]
    until(lambda: len(cluster_processes(cluster_id)) >= 6, "the daemons start", seconds=300)
    local_aws("down", "--state", str(yarn.settings.state))
    assert cluster_processes(cluster_id) == []
