"""Requests that EMR rejects are rejected here, with the error codes of EMR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.local_aws.clusters import request, shell, start, wait_cluster

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient


def groups(**changes: Any) -> dict[str, Any]:
    return {"Instances": {**request("x")["Instances"], **changes}}


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "unknown release": ({"ReleaseLabel": "emr-9.9.9"}, "release label is invalid: emr-9.9.9"),
    "8 line without its engine": ({"ReleaseLabel": "emr-8.1.0"}, "release label is invalid"),
    "no release": ({"ReleaseLabel": None}, "release label"),
    "unknown application": ({"Applications": [{"Name": "Sparkk"}]}, "Sparkk is invalid"),
    "application of another release": ({"Applications": [{"Name": "TensorFlow"}]}, "TensorFlow is invalid"),
    "no service role": ({"ServiceRole": None}, "ServiceRole is required"),
    "no instance profile": ({"JobFlowRole": None}, "InstanceProfile is required"),
    "idle for too short": ({"AutoTerminationPolicy": {"IdleTimeout": 59}}, "between 60 and 604800"),
    "idle for too long": ({"AutoTerminationPolicy": {"IdleTimeout": 604_801}}, "between 60 and 604800"),
    "concurrency 0": ({"StepConcurrencyLevel": 0}, "between 1 and 256"),
    "concurrency 257": ({"StepConcurrencyLevel": 257}, "between 1 and 256"),
    "too many steps": ({"Steps": [shell("s", "true")] * 257}, "256 steps"),
    "unknown action on failure": ({"Steps": [{**shell("s", "true"), "ActionOnFailure": "RETRY"}]}, "RETRY"),
    "logs not on S3": ({"LogUri": "/var/log"}, "/var/log"),
    "no master": (groups(InstanceGroups=[request("x")["Instances"]["InstanceGroups"][1]]), "exactly one MASTER"),
    "unknown instance type": (
        groups(InstanceGroups=[{"InstanceRole": "MASTER", "InstanceType": "m99.huge", "InstanceCount": 1}]),
        "m99.huge",
    ),
    "configuration without a name": ({"Configurations": [{"Properties": {"a": "b"}}]}, "Classification"),
    "reserved tag": ({"Tags": [{"Key": "aws:mine", "Value": "x"}]}, "aws:mine"),
}


@pytest.mark.parametrize("case", INVALID)
def test_run_job_flow(emr: EMRClient, case: str) -> None:
    changes, words = INVALID[case]
    changed = {key: value for key, value in {**request("invalid"), **changes}.items() if value is not None}
    before = len(emr.list_clusters()["Clusters"])
    with pytest.raises(ClientError, match=words) as error:
        emr.run_job_flow(**changed)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    assert len(emr.list_clusters()["Clusters"]) == before, "no cluster was started"


def test_unknown_security_configuration(emr: EMRClient) -> None:
    with pytest.raises(ClientError, match="'nowhere' does not exist") as error:
        start(emr, "invalid", SecurityConfiguration="nowhere")
    assert error.value.response["Error"]["Code"] == "InvalidRequestException"


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("describe_cluster", {"ClusterId": "j-NOPE"}),
        ("list_steps", {"ClusterId": "j-NOPE"}),
        ("terminate_job_flows", {"JobFlowIds": ["j-NOPE"]}),
        ("add_tags", {"ResourceId": "j-NOPE", "Tags": []}),
        ("describe_step", {"ClusterId": "j-NOPE", "StepId": "s-NOPE"}),
    ],
)
def test_unknown_cluster(emr: EMRClient, call: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="Cluster id 'j-NOPE' is not valid") as error:
        getattr(emr, call)(**arguments)
    assert error.value.response["Error"]["Code"] == "InvalidRequestException"


def test_unknown_step(emr: EMRClient, idle_cluster: str) -> None:
    with pytest.raises(ClientError, match="Step id 's-NOPE' is not valid"):
        emr.describe_step(ClusterId=idle_cluster, StepId="s-NOPE")


def test_257th_step_of_a_cluster(emr: EMRClient) -> None:
    cluster_id = start(emr, "full", shell("hold", "sleep 60"), *[shell("s", "true")] * 254, keep_alive=True)
    emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[shell("256th", "true")])
    with pytest.raises(ClientError, match="256 steps"):
        emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[shell("257th", "true")])
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    wait_cluster(emr, cluster_id)


def test_an_ended_cluster_cannot_be_changed(emr: EMRClient) -> None:
    cluster_id = start(emr, "ended")
    wait_cluster(emr, cluster_id)
    for call in (
        lambda: emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[shell("late", "true")]),
        lambda: emr.modify_cluster(ClusterId=cluster_id, StepConcurrencyLevel=2),
        lambda: emr.put_auto_termination_policy(ClusterId=cluster_id, AutoTerminationPolicy={"IdleTimeout": 60}),
        lambda: emr.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=True),
    ):
        with pytest.raises(ClientError, match="terminated, or finished may not be modified"):
            call()


def test_an_operation_that_is_not_implemented(emr: EMRClient) -> None:
    with pytest.raises(ClientError, match="does not implement CreateStudio"):
        emr.create_studio(
            Name="s",
            AuthMode="IAM",
            VpcId="v",
            SubnetIds=[],
            ServiceRole="r",
            WorkspaceSecurityGroupId="w",
            EngineSecurityGroupId="e",
            DefaultS3Location="s3://b/",
        )
