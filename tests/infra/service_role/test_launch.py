"""What the EMR service does with its role when it launches a cluster, evaluated with the tags of the deployed stack.

The local EMR launches no instances, so it sends no such request. The requests are those that AWS documents: actions and
resources of RunInstances, CreateFleet and CreateLaunchTemplate (Service Authorization Reference, Amazon EC2), and the
tags that EMR sets (EMR Management Guide, "Service role for Amazon EMR"). The managed policy is the copy in moto 5.2.5.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from local_aws.iam.evaluator import ALLOWED, REFUSED, Policies, Request
from tests.infra.stack import ACCOUNT, BUCKET, REGION, Stack
from verger.emr.requests import cluster
from verger.settings import Settings

MANAGED = "AmazonEMRServicePolicy_v2"
TAG = "for-use-with-amazon-emr-managed-policies"
EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}:"
OTHER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/other"


def role_of(stack: Stack) -> Policies:
    """The service role: the managed policy and the policies of the template."""
    managed = json.loads(aws_managed_policies_data)[MANAGED]["Document"]
    return Policies(f"arn:aws:iam::{ACCOUNT}:role/service", [managed, *stack.policies("ServiceRole")])


def settings_of(stack: Stack) -> Settings:
    return Settings.from_environment(stack.settings)


def tags_of_cluster(settings: Settings) -> dict[str, str]:
    """The tags that Verger gives to a cluster, and EMR to its instances, volumes and launch templates."""
    request = cluster(
        settings,
        dag_id="fruit_features",
        run_id="run-1",
        airflow_run="scheduled__7",
        artifacts=f"s3://{BUCKET}/artifacts/0a",
        environment="/opt/verger",
    )
    return {tag["Key"]: tag["Value"] for tag in request["Tags"]}


def context(kind: str, tags: Mapping[str, str]) -> dict[str, str]:
    """Condition keys of tags: `RequestTag` of a new resource, `ResourceTag` of one that exists."""
    return {f"aws:{kind}/{key}": value for key, value in tags.items()}


def existing(settings: Settings) -> dict[str, dict[str, str]]:
    """The tags of the subnets and the security groups of the stack, by ARN."""
    ec2: Any = boto3.client("ec2", REGION)
    cluster_settings = settings.cluster
    groups = [*cluster_settings.security_groups.values()]
    subnets = ec2.describe_subnets(SubnetIds=[*cluster_settings.subnet_ids])["Subnets"]
    found = {f"subnet/{one['SubnetId']}": one for one in subnets}
    found |= {
        f"security-group/{one['GroupId']}": one
        for one in ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"]
    }
    return {f"{EC2}{name}": {tag["Key"]: tag["Value"] for tag in one["Tags"]} for name, one in found.items()}


def launch(stack: Stack, without: str = "") -> Iterator[Request]:
    """Yield what EC2 decides about when EMR launches the instances of a fleet in the subnets of the stack.

    Parameters
    ----------
    stack : Stack
    without : str
        A tag that all resources lack.
    """
    settings = settings_of(stack)
    own = {key: value for key, value in tags_of_cluster(settings).items() if key != without}
    new, old = context("RequestTag", own), context("ResourceTag", own)
    template_arn = f"{EC2}launch-template/lt-1"
    yield Request("ec2:CreateLaunchTemplate", template_arn, new)
    for action in ("RunInstances", "CreateFleet"):
        yield Request(f"ec2:{action}", template_arn, old)
        for kind in ("instance/i-1", "volume/vol-1"):
            yield Request(f"ec2:{action}", EC2 + kind, new)
            yield Request("ec2:CreateTags", EC2 + kind, new | {"ec2:CreateAction": action})
        for arn, tags in existing(settings).items():
            present = {key: value for key, value in tags.items() if key != without}
            yield Request(f"ec2:{action}", arn, context("ResourceTag", present))
        yield Request(f"ec2:{action}", f"{EC2}network-interface/eni-1")
        yield Request(f"ec2:{action}", f"arn:aws:ec2:{REGION}::image/ami-1")
    for arn, tags in existing(settings).items():
        if "security-group" in arn:
            present = context("ResourceTag", {key: value for key, value in tags.items() if key != without})
            yield Request("ec2:AuthorizeSecurityGroupIngress", arn, present)
            yield Request("ec2:RevokeSecurityGroupEgress", arn, present)
    yield Request("ec2:TerminateInstances", f"{EC2}instance/i-1", old)


def test_the_service_launches_and_ends_the_instances_of_a_cluster(stack: Stack) -> None:
    role, requests = role_of(stack), [*launch(stack)]
    assert len({request.resource for request in requests if "security-group" in request.resource}) == 3
    assert [str(request) for request in requests if role.decision(request) != ALLOWED] == []


def test_without_the_tag_of_the_managed_policy_each_tagged_resource_is_refused(stack: Stack) -> None:
    role = role_of(stack)
    tagged = [one for one in launch(stack, without=TAG) if one.context and "ec2:CreateAction" not in one.context]
    assert {one.resource.split(":")[-1].split("/")[0] for one in tagged} == {
        *("launch-template", "instance", "volume", "subnet", "security-group"),
    }
    assert [str(one) for one in tagged if role.decision(one) != REFUSED] == []


def test_the_service_passes_the_node_role_to_ec2_only(stack: Stack) -> None:
    role, nodes = role_of(stack), f"arn:aws:iam::{ACCOUNT}:role/{stack.name('NodeRole')}"

    def passes(arn: str, service: str) -> bool:
        return role.decision(Request("iam:PassRole", arn, {"iam:PassedToService": service})) == ALLOWED

    assert passes(nodes, "ec2.amazonaws.com")
    assert not passes(nodes, "lambda.amazonaws.com")
    assert not passes(OTHER_ROLE, "ec2.amazonaws.com")
    assert not passes(f"arn:aws:iam::{ACCOUNT}:role/{stack.name('AirflowRole')}", "ec2.amazonaws.com")


def test_the_service_uses_the_key_for_volumes_and_reads_no_object(stack: Stack) -> None:
    role = role_of(stack)
    (statement,) = [
        one for policy in stack.policies("ServiceRole") for one in policy["Statement"] if one["Sid"] == "GrantVolumes"
    ]
    grant = Request("kms:CreateGrant", statement["Resource"], {"kms:GrantIsForAWSResource": "true"})
    assert role.decision(grant) == ALLOWED
    assert role.decision(Request(grant.action, grant.resource, {"kms:GrantIsForAWSResource": "false"})) == REFUSED
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert role.decision(Request(action, f"arn:aws:s3:::{BUCKET}/images/Kiwi/1.jpg")) == REFUSED


@pytest.mark.parametrize("action", ["ec2:TerminateInstances", "ec2:CreateTags", "ec2:ModifyInstanceAttribute"])
def test_the_service_changes_no_instance_of_others(stack: Stack, action: str) -> None:
    foreign = Request(action, f"{EC2}instance/i-2", context("ResourceTag", {"verger": "cluster"}))
    assert role_of(stack).decision(foreign) == REFUSED
