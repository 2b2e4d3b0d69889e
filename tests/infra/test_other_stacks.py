"""The template deployed into moto with other parameters, and the deletion of a stack."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from local_aws.iam.evaluator import ALLOWED, Policies, Request
from tests.infra.stack import ACCOUNT, BUCKET, NAME, REGION, Stack
from verger.emr.requests import cluster
from verger.settings import Settings


@pytest.fixture
def account() -> Iterator[None]:
    """An empty account."""
    with mock_aws():
        yield


def test_an_existing_vpc_and_another_deployment_are_used(account: None) -> None:
    ec2 = boto3.client("ec2", REGION)
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    before = len(ec2.describe_vpcs()["Vpcs"])
    stack = Stack.create(VpcId=vpc, SubnetIds="subnet-0a1,subnet-0b2", Deployment="second")
    assert len(ec2.describe_vpcs()["Vpcs"]) == before
    settings = Settings.from_environment(stack.settings)
    assert settings.cluster.subnet_ids == ("subnet-0a1", "subnet-0b2")
    assert settings.janitor.deployment == "second"
    request = cluster(settings, dag_id="d", run_id="r", artifacts="s3://b/artifacts/0", environment="/opt")
    tags = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in request["Tags"]}
    policies = Policies(f"arn:aws:iam::{ACCOUNT}:role/any", stack.policies("AirflowRole"))
    assert policies.decision(Request("elasticmapreduce:RunJobFlow", "*", tags)) == ALLOWED
    (group,) = ec2.describe_security_groups(GroupIds=[settings.cluster.worker_security_group])["SecurityGroups"]
    assert group["VpcId"] == vpc


def test_the_deletion_of_the_stack_keeps_only_bucket_and_key(account: None) -> None:
    stack = Stack.create()
    ec2, vpc = boto3.client("ec2", REGION), stack.name("Vpc")
    # moto 5.2.5 deletes no endpoints and route tables of a stack.
    endpoints = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["VpcEndpoints"]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[found["VpcEndpointId"] for found in endpoints])
    tables = ec2.describe_route_tables(RouteTableIds=[stack.name("RouteTable")])["RouteTables"]
    for association in tables[0]["Associations"]:
        ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
    ec2.delete_route_table(RouteTableId=stack.name("RouteTable"))
    boto3.client("cloudformation", REGION).delete_stack(StackName=NAME)
    assert boto3.client("iam").list_roles()["Roles"] == []
    assert boto3.client("iam").list_instance_profiles()["InstanceProfiles"] == []
    assert boto3.client("sns", REGION).list_topics()["Topics"] == []
    assert boto3.client("events", REGION).list_rules()["Rules"] == []
    assert vpc not in [found["VpcId"] for found in ec2.describe_vpcs()["Vpcs"]]
    assert [found["Name"] for found in boto3.client("s3").list_buckets()["Buckets"]] == [BUCKET]
    assert len(boto3.client("kms", REGION).list_keys()["Keys"]) == 1
