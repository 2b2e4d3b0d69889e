"""The end of a cluster: by request, by idle timeout, by termination protection. No process is left running."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local_aws.processes.cluster import cluster_processes
from tests.local_aws.clusters import reason, shell, start, step_states, wait_cluster, wait_step
from tests.local_aws.emr.test_steps import until

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient


def test_termination_while_a_step_runs_leaves_no_process(emr: EMRClient, stack: Any) -> None:
    cluster_id = start(emr, "busy", shell("tree", "setsid sleep 304 & sleep 305"), shell("next", "true"))
    step_id = emr.list_steps(ClusterId=cluster_id)["Steps"][-1]["Id"]
    wait_step(emr, cluster_id, step_id, "RUNNING")
    until(lambda: len(cluster_processes(cluster_id)) >= 4, "the tree runs")
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    assert reason(wait_cluster(emr, cluster_id)) == ("TERMINATED", "USER_REQUEST", "Terminated by user request")
    assert cluster_processes(cluster_id) == []
    assert step_states(emr, cluster_id) == {"tree": "INTERRUPTED", "next": "CANCELLED"}
    left = {path.name for path in (stack.settings.state / "nodes" / cluster_id).iterdir()}
    assert left == {"logs"}, "home and scratch are removed with the cluster"
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    with pytest.raises(ClientError, match="terminated, or finished may not be modified"):
        emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[shell("late", "true")])


def test_two_clusters_at_once(emr: EMRClient, tmp_path: Path) -> None:
    """Each waits for a file of the other: they can only end when they run at the same time."""
    meet = "touch {mine}; for i in $(seq 100); do test -e {other} && exit 0; sleep 0.1; done; exit 1"
    one = start(emr, "one", shell("meet", meet.format(mine=tmp_path / "1", other=tmp_path / "2")))
    two = start(emr, "two", shell("meet", meet.format(mine=tmp_path / "2", other=tmp_path / "1")))
    assert [reason(wait_cluster(emr, cluster))[2] for cluster in (one, two)] == ["Steps completed"] * 2


def test_termination_protection(emr: EMRClient) -> None:
    cluster_id = start(emr, "protected", keep_alive=True)
    emr.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=True)
    assert emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["TerminationProtected"] is True
    with pytest.raises(ClientError, match="termination protected") as error:
        emr.terminate_job_flows(JobFlowIds=[cluster_id])
    assert error.value.response["Error"]["Code"] == "ValidationException"
    wait_cluster(emr, cluster_id, "WAITING")
    emr.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=False)
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    wait_cluster(emr, cluster_id)


def test_a_failed_step_does_not_terminate_a_protected_cluster(emr: EMRClient) -> None:
    cluster_id = start(emr, "protected", shell("hold", "sleep 1"), keep_alive=True)
    emr.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=True)
    steps = [shell("bad", "exit 1", "TERMINATE_CLUSTER"), shell("next", "true")]
    emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=steps)
    wait_cluster(emr, cluster_id, "WAITING")
    assert step_states(emr, cluster_id) == {"hold": "COMPLETED", "bad": "FAILED", "next": "CANCELLED"}
    emr.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=False)
    emr.terminate_job_flows(JobFlowIds=[cluster_id])


def test_a_cluster_without_keep_alive_ends(emr: EMRClient) -> None:
    cluster_id = start(emr, "kept", keep_alive=True)
    wait_cluster(emr, cluster_id, "WAITING")
    emr.set_keep_job_flow_alive_when_no_steps(JobFlowIds=[cluster_id], KeepJobFlowAliveWhenNoSteps=False)
    assert reason(wait_cluster(emr, cluster_id))[1] == "ALL_STEPS_COMPLETED"


def test_idle_cluster_terminates_itself(emr: EMRClient, idle_cluster: str) -> None:
    assert emr.get_auto_termination_policy(ClusterId=idle_cluster)["AutoTerminationPolicy"] == {"IdleTimeout": 60}
    cluster = wait_cluster(emr, idle_cluster)
    assert cluster["Status"]["State"] == "TERMINATED"
    assert "idle for 60 seconds" in cluster["Status"]["StateChangeReason"]["Message"]
    timeline = cluster["Status"]["Timeline"]
    assert 60 <= (timeline["EndDateTime"] - timeline["ReadyDateTime"]).total_seconds() < 120
