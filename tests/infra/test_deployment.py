"""The template deployed into moto: what is created, and the settings of its outputs."""

from __future__ import annotations

import json

import boto3

from tests.infra.stack import ACCOUNT, BUCKET, REGION, Stack
from verger.emr.requests import cluster
from verger.settings import Settings

MANAGED = {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"}


def test_the_output_is_the_settings_of_verger(stack: Stack) -> None:
    settings = Settings.from_environment(stack.settings)
    assert settings.storage.bucket == BUCKET
    assert settings.storage.region == REGION
    assert settings.cluster.service_role == stack.name("ServiceRole")
    assert settings.cluster.node_role == stack.name("NodeProfile") == stack.name("NodeRole")
    assert settings.cluster.security_configuration == stack.name("SecurityConfiguration")
    assert settings.cluster.subnet_ids == (stack.name("SubnetA"), stack.name("SubnetB"))
    assert settings.notifications.sns_topic == stack.name("Topic")
    assert settings.retention.erasure_days == 30
    assert settings.janitor.janitor_age_hours == 36
    assert settings.janitor.deployment_of(settings.storage.bucket) == BUCKET


def test_a_cluster_gets_the_network_and_the_roles_of_the_stack(stack: Stack) -> None:
    settings = Settings.from_environment(stack.settings)
    request = cluster(settings, dag_id="d", run_id="r", artifacts=f"s3://{BUCKET}/artifacts/0", environment="/opt")
    instances = request["Instances"]
    groups = [instances[name] for name in settings.cluster.security_groups]
    assert groups == [stack.name(f"{kind}SecurityGroup") for kind in ("Primary", "Worker", "Service")]
    ec2 = boto3.client("ec2", REGION)
    found = ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"]
    subnets = ec2.describe_subnets(SubnetIds=instances["Ec2SubnetIds"])["Subnets"]
    vpcs = ec2.describe_vpcs(VpcIds=[stack.name("Vpc")])["Vpcs"]
    assert all(MANAGED in item["Tags"] for item in [*found, *subnets, *vpcs])
    assert {item["VpcId"] for item in [*found, *subnets]} == {stack.name("Vpc")}
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 2
    (profile,) = boto3.client("iam").list_instance_profiles()["InstanceProfiles"]
    assert profile["InstanceProfileName"] == request["JobFlowRole"] == profile["Roles"][0]["RoleName"]


def test_the_connection_assumes_airflows_role(stack: Stack) -> None:
    connection = json.loads(stack.outputs["AirflowConnection"])
    assert connection["extra"] == {"role_arn": stack.outputs["AirflowRole"], "region_name": REGION}
    role = boto3.client("iam").get_role(RoleName=stack.name("AirflowRole"))["Role"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:role/airflow"}


def test_the_bucket_is_encrypted_by_the_key(stack: Stack) -> None:
    found = boto3.client("s3", REGION).get_bucket_encryption(Bucket=BUCKET)
    (rule,) = found["ServerSideEncryptionConfiguration"]["Rules"]
    used = rule["ApplyServerSideEncryptionByDefault"]
    assert used["SSEAlgorithm"] == "aws:kms"
    assert used["KMSMasterKeyID"].endswith(stack.name("Key"))


def test_the_security_configuration_encrypts_disks_and_requires_imdsv2(stack: Stack) -> None:
    found = stack.properties("SecurityConfiguration")["SecurityConfiguration"]
    assert found["InstanceMetadataServiceConfiguration"]["MinimumInstanceMetadataServiceVersion"] == 2
    encryption = found["EncryptionConfiguration"]
    disks = encryption["AtRestEncryptionConfiguration"]["LocalDiskEncryptionConfiguration"]
    assert disks["EnableEbsEncryption"] is True
    assert disks["AwsKmsKey"].endswith(stack.name("Key"))
    assert encryption["EnableInTransitEncryption"] is False  # docs/deploy-to-aws.md says so
