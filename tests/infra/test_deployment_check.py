"""`python -m verger.deployment_check` on the stack of the template, and on accounts that lack something."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local_aws.iam.evaluator import ALLOWED, Policies, Request
from tests.infra.stack import ACCOUNT, BUCKET, REGION, Stack
from verger.deployment_check import bucket, compute, roles
from verger.deployment_check.checks import Check, Finding, State, finding
from verger.settings import Settings

RELEASE = "emr-7.0.0"
"""A release that moto 5.2.5 knows."""
VCPUS = 400.0


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The template with its service-linked roles, photos in the bucket, in an account of its own."""
    with mock_aws():
        made = Stack.create()
        s3, iam = boto3.client("s3", REGION), boto3.client("iam")
        s3.put_object(Bucket=BUCKET, Key="images/Kiwi/7.jpg", Body=b"photo")
        # moto ignores these parts of the template.
        ec2 = boto3.client("ec2", REGION)
        for subnet in made.settings["VERGER_SUBNET_IDS"].split(","):
            ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": False})
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        s3.put_public_access_block(
            Bucket=BUCKET,
            PublicAccessBlockConfiguration=made.properties("Bucket")["PublicAccessBlockConfiguration"],
        )
        for name in roles.LINKED_ROLES:  # moto gives service-linked roles other names
            iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        yield made


def settings_of(stack: Stack, **changed: str) -> Settings:
    return Settings.from_environment({**stack.settings, "VERGER_RELEASE_LABEL": RELEASE, **changed})


def clients() -> compute.Clients:
    """The clients of moto. It has no quotas of vCPUs: they are stubbed."""
    quotas: Any = boto3.client("service-quotas", REGION)
    quotas.get_service_quota = lambda **_: {"Quota": {"Value": VCPUS}}
    return compute.Clients(boto3.client("emr", REGION), boto3.client("ec2", REGION), quotas)


def iam_of(stack: Stack) -> Any:
    """A client of IAM. moto simulates no policies: the policies of the template are evaluated."""
    iam: Any = boto3.client("iam")

    def simulate(*, ActionNames: Any, ResourceArns: Any, ContextEntries: Any, **_: Any) -> dict[str, Any]:  # noqa: N803
        policies = Policies(f"arn:aws:iam::{ACCOUNT}:role/nodes", stack.policies("NodeRole"))
        context = {entry["ContextKeyName"]: entry["ContextKeyValues"][0] for entry in ContextEntries}

        def decision(action: str, resource: str) -> str:
            allowed = policies.decision(Request(action, resource, context)) == ALLOWED
            return "allowed" if allowed else "implicitDeny"

        return {
            "EvaluationResults": [
                {
                    "EvalActionName": action,
                    "EvalDecision": decision(action, ResourceArns[0]),
                    "ResourceSpecificResults": [
                        {"EvalResourceName": arn, "EvalResourceDecision": decision(action, arn)} for arn in ResourceArns
                    ],
                }
                for action in ActionNames
            ]
        }

    iam.simulate_principal_policy = simulate
    return iam


def all_checks(stack: Stack, settings: Settings) -> list[Check]:
    s3 = boto3.client("s3", REGION)
    return [
        *bucket.checks(s3, settings),
        *roles.checks(iam_of(stack), settings),
        *compute.checks(clients(), settings),
    ]


def findings(stack: Stack, **changed: str) -> dict[str, Finding]:
    found = [finding(check) for check in all_checks(stack, settings_of(stack, **changed))]
    return {one.subject: one for one in found if one.subject != "artifact set"}  # tested with the artifact sets


def test_the_stack_of_the_template_has_no_problem(stack: Stack) -> None:
    found = findings(stack)
    assert {one for one in found.values() if one.state is not State.OK} == set()
    assert len(found) > 12


@pytest.mark.parametrize(
    ("changed", "subject", "advice"),
    [
        ({"VERGER_BUCKET": "other"}, "bucket other", "correct VERGER_BUCKET"),
        ({"VERGER_NODE_ROLE": "other"}, "role other", "VERGER_NODE_ROLE"),
        ({"VERGER_RELEASE_LABEL": "emr-99.0.0"}, "EMR release", "set VERGER_RELEASE_LABEL"),
        ({"VERGER_MAX_WORKERS": "600"}, "quota of On-Demand vCPUs", "lower VERGER_MAX_WORKERS"),
        (
            {"VERGER_WORKER_INSTANCE_TYPES": "c6a.xlarge", "VERGER_CHECK_INSTANCE_TYPES": "false"},
            "instance types",
            "not sold in the region: c6a.xlarge",
        ),
    ],
)
def test_settings_that_do_not_fit_the_account_are_a_problem(
    stack: Stack, changed: dict[str, str], subject: str, advice: str
) -> None:
    found = findings(stack, **changed)[subject]
    assert found.state is State.PROBLEM
    assert advice in found.text


def test_rights_of_the_nodes_that_are_too_wide_are_a_problem(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    monkeypatch.setattr(Stack, "policies", lambda *_: [wide])
    found = findings(stack)["rights of the nodes"]
    assert found.state is State.PROBLEM
    assert f"s3:DeleteObject on arn:aws:s3:::{BUCKET}/images/a/b.jpg is allowed" in found.text


def test_credentials_that_may_not_look_get_the_actions_that_they_need(stack: Stack) -> None:
    def refused() -> str:
        from botocore.exceptions import ClientError

        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetRole")

    found = finding(Check("role", "iam:GetRole", refused))
    assert (found.state, found.text) == (
        State.UNKNOWN,
        "the credentials may not look; run the command with credentials that have iam:GetRole",
    )


def test_what_is_missing_is_a_problem_with_advice(stack: Stack) -> None:
    """The last test of the module: it damages the stack."""
    s3, ec2 = boto3.client("s3", REGION), boto3.client("ec2", REGION)
    s3.delete_object(Bucket=BUCKET, Key="images/Kiwi/7.jpg")
    s3.delete_public_access_block(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    boto3.client("iam").delete_role(RoleName=roles.SPOT_ROLE)
    subnets = stack.settings["VERGER_SUBNET_IDS"].split(",")
    ec2.delete_tags(Resources=subnets, Tags=[{"Key": compute.TAG}])
    advice = {
        "photos": "upload photos to",
        "public access": "Block Public Access",
        "versions": "Suspended, expected Enabled",
        f"role {roles.SPOT_ROLE}": "--aws-service-name spot.amazonaws.com",
        "subnets": f"aws ec2 create-tags --resources {subnets[0]}",
    }
    found = {name: one for name, one in findings(stack).items() if one.state is not State.OK}
    assert {name: one.state for name, one in found.items()} == dict.fromkeys(advice, State.PROBLEM)
    assert [name for name, text in advice.items() if text not in found[name].text] == []
