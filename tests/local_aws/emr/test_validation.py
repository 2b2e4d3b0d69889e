"""Requests that EMR rejects are rejected here, with the error codes of EMR."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local_aws.stack import Stack
from tests.local_aws.clusters import request, shell, start, wait_cluster, wait_step

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_emr.type_defs import TagTypeDef


def fleets(task_types: int, **specification: Any) -> dict[str, Any]:
    """Instances with a task fleet of so many types; `specification` are the members of its SpotSpecification."""
    names = ["c6i.xlarge", "c7i.xlarge", "c5.xlarge", "m6i.xlarge", "m6a.xlarge", "m5.xlarge", "m7i.xlarge"]
    names += [f"r5.{2**n}xlarge" for n in (1, 2, 3)] + [
        f"{family}.{size}xlarge"
        for size in (2, 4)
        for family in ("c5", "c6i", "c7i", "m5", "m6i", "m7i", "m6a", "m6g", "m7g", "c6g", "c7g")
    ]
    on_demand = {"TargetOnDemandCapacity": 1, "InstanceTypeConfigs": [{"InstanceType": "m6i.xlarge"}]}
    task: dict[str, Any] = {
        "InstanceFleetType": "TASK",
        "TargetSpotCapacity": 1,
        "InstanceTypeConfigs": [{"InstanceType": name} for name in names[:task_types]],
    }
    if specification:
        task["LaunchSpecifications"] = {
            "SpotSpecification": {"TimeoutDurationMinutes": 10, "TimeoutAction": "SWITCH_TO_ON_DEMAND", **specification}
        }
    kinds = [{"InstanceFleetType": kind, **on_demand} for kind in ("MASTER", "CORE")]
    return {"Instances": {"InstanceFleets": [*kinds, task], "KeepJobFlowAliveWhenNoSteps": False}}


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
    "role that does not exist": ({"ServiceRole": "EMR_DefaultRole_V3"}, "Service role EMR_DefaultRole_V3 is invalid"),
    "profile that does not exist": ({"JobFlowRole": "EMR_Nodes"}, "Invalid InstanceProfile: EMR_Nodes"),
    "role instead of a profile": ({"JobFlowRole": "EMR_DefaultRole_V2"}, "Invalid InstanceProfile"),
    "subnet that does not exist": (groups(Ec2SubnetId="subnet-0123"), "ec2SubnetId is not valid"),
    "one of several subnets does not exist": (
        groups(Ec2SubnetIds=["subnet-0a000000000000001", "subnet-0123"]),
        "ec2SubnetId is not valid",
    ),
    "instance type of another region": (
        groups(InstanceGroups=[{"InstanceRole": "MASTER", "InstanceType": "c6a.xlarge", "InstanceCount": 1}]),
        "Instance type 'c6a.xlarge' is not supported",
    ),
    "six types without a strategy": (
        fleets(6),
        "6 instance types; at most 5 are allowed without an AllocationStrategy",
    ),
    "31 types": (fleets(31, AllocationStrategy="price-capacity-optimized"), "31 instance types; at most 30"),
    "too many steps": ({"Steps": [shell("s", "true")] * 257}, "256 steps"),
    "unknown action on failure": ({"Steps": [{**shell("s", "true"), "ActionOnFailure": "RETRY"}]}, "RETRY"),
    "logs not on S3": ({"LogUri": "/var/log"}, "/var/log"),
    "no master": (groups(InstanceGroups=[request("x")["Instances"]["InstanceGroups"][1]]), "exactly one MASTER"),
    "unknown instance type": (
        groups(InstanceGroups=[{"InstanceRole": "MASTER", "InstanceType": "m99.huge", "InstanceCount": 1}]),
        "m99.huge",
    ),
    "configuration without a name": ({"Configurations": [{"Properties": {"a": "b"}}]}, "Classification"),
    "unknown classification": (
        {"Configurations": [{"Classification": "spark-default"}]},
        "Classification 'spark-default'",
    ),
    "classification in the place of another": (
        {"Configurations": [{"Classification": "export", "Properties": {"A": "b"}}]},
        "'export' is not valid for parent classification 'null'",
    ),
    "nested classification without a place": (
        {"Configurations": [{"Classification": "spark-defaults", "Configurations": [{"Classification": "export"}]}]},
        "'export' is not valid for parent classification 'spark-defaults'",
    ),
    "51 tags": ({"Tags": [{"Key": f"tag-{n}", "Value": ""} for n in range(51)]}, "at most 50 tags"),
    "long tag": ({"Tags": [{"Key": "k" * 129, "Value": ""}]}, "1 to 128 characters"),
    "tag with another character": ({"Tags": [{"Key": "a#b", "Value": ""}]}, "letters, digits, white space"),
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


def test_valid_requests_at_the_limits_are_accepted(emr: EMRClient) -> None:
    role = "arn:aws:iam::123456789012:role/EMR_DefaultRole_V2"
    limits = {
        **fleets(30, AllocationStrategy="price-capacity-optimized"),
        "ServiceRole": role,
        "Tags": [{"Key": f"tag-{n}", "Value": "Pomme é 1/a:b=c+d-e@f_g."} for n in range(50)],
        "Configurations": [
            {"Classification": "spark-env", "Configurations": [{"Classification": "export", "Properties": {"A": "b"}}]},
            {"Classification": "yarn-site", "Properties": {"yarn.nodemanager.resource.cpu-vcores": "5"}},
        ],
    }
    limits["Instances"]["Ec2SubnetIds"] = ["subnet-0a000000000000001", "subnet-0b000000000000002"]
    wait_cluster(emr, start(emr, "at the limits", **limits))
    wait_cluster(emr, start(emr, "five types", **fleets(5)))


def test_ended_steps_do_not_count(emr: EMRClient) -> None:
    cluster_id = start(emr, "many", keep_alive=True)
    wait_cluster(emr, cluster_id, "WAITING")
    for _ in range(2):
        hold = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[shell("hold", "sleep 60")])["StepIds"]
        pending = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[shell("s", "true")] * 255)["StepIds"]
        emr.cancel_steps(ClusterId=cluster_id, StepIds=pending)
        emr.cancel_steps(ClusterId=cluster_id, StepIds=hold, StepCancellationOption="TERMINATE_PROCESS")
        wait_step(emr, cluster_id, hold[0])
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    wait_cluster(emr, cluster_id)


def test_a_tag_beyond_the_limit_cannot_be_added(emr: EMRClient) -> None:
    tags: list[TagTypeDef] = [{"Key": f"tag-{n}", "Value": ""} for n in range(50)]
    cluster_id = start(emr, "tagged", keep_alive=True, Tags=tags)
    emr.add_tags(ResourceId=cluster_id, Tags=tags)
    with pytest.raises(ClientError, match="at most 50 tags; this one would have 51"):
        emr.add_tags(ResourceId=cluster_id, Tags=[{"Key": "one more", "Value": ""}])
    emr.terminate_job_flows(JobFlowIds=[cluster_id])


def test_a_file_adds_roles_profiles_and_subnets_to_the_account(emr: EMRClient, stack: Stack) -> None:
    own = {"ServiceRole": "team/own-service", "JobFlowRole": "own-nodes", **groups(Ec2SubnetId="subnet-0123")}
    more = {"roles": ["own-service"], "instance_profiles": ["own-nodes"], "subnets": ["subnet-0123"]}
    path = stack.settings.state / "account.json"
    path.write_text(json.dumps(more))
    try:
        cluster_id = start(emr, "own roles", **own)
    finally:
        path.unlink()
    wait_cluster(emr, cluster_id)
    with pytest.raises(ClientError, match="own-service is invalid"):
        start(emr, "own roles", **own)


def test_257th_active_step_of_a_cluster(emr: EMRClient) -> None:
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
