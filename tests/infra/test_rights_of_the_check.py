"""`python -m verger.deployment_check` with the rights of its managed policy: all of them, and all but one."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local_aws.iam.evaluator import ALLOWED, Policies, Request
from tests.infra import test_deployment_check
from tests.infra.stack import ACCOUNT, BUCKET, REGION, Stack
from tests.infra.test_actions_of_the_code import BY_OPERATION, granted
from tests.infra.test_deployment_check import clients, findings, iam_of
from verger.deployment_check.checks import State
from verger.deployment_check.compute import Clients
from verger.deployment_check.roles import LINKED_ROLES

POLICY = "DeploymentCheckPolicy"
stack = test_deployment_check.stack
"""The stack of the template with what moto lacks."""

IN_THE_BUCKET = {"s3:GetObject", "kms:Decrypt"}
"""Actions for an artifact set in the bucket. The set of these tests is a folder."""


def request(service: str, operation: str, parameters: dict[str, Any]) -> Request:
    """Return what must be allowed for a request of boto3."""
    action = BY_OPERATION.get(operation, f"{service}:{operation}")
    account = f"arn:aws:iam::{ACCOUNT}"
    if service == "s3":
        key = parameters.get("Key")
        return Request(action, f"arn:aws:s3:::{BUCKET}{f'/{key}' if key else ''}", {"aws:SecureTransport": "true"})
    if operation == "GetRole":
        name = parameters["RoleName"]
        path = f"aws-service-role/{LINKED_ROLES[name]}/" if name in LINKED_ROLES else ""
        return Request(action, f"{account}:role/{path}{name}")
    if operation == "GetInstanceProfile":
        return Request(action, f"{account}:instance-profile/{parameters['InstanceProfileName']}")
    return Request(action, parameters.get("PolicySourceArn", "*"))


@pytest.fixture
def rights(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The policies that decide about each request of a boto3 client. A test may change them."""
    policies = stack.policies(POLICY)
    bucket_policy = stack.properties("BucketPolicy")["PolicyDocument"]

    def decide(service: str, operation: str, parameters: dict[str, Any]) -> None:
        wanted = request(service, operation, parameters)
        of_bucket = bucket_policy if service == "s3" else None
        if Policies(f"arn:aws:iam::{ACCOUNT}:user/me", policies, of_bucket).decision(wanted) != ALLOWED:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)

    def before(params: dict[str, Any], model: Any, **_: Any) -> None:
        if model.service_model.signing_name != "cloudformation":  # the fixture reads the outputs of the stack
            decide(model.service_model.signing_name, model.name, params)

    def guarded(client: Any, method: str, service: str, operation: str) -> Any:
        """Decide also about a method that the tests replace."""
        replaced = getattr(client, method)

        def call(**parameters: Any) -> Any:
            decide(service, operation, parameters)
            return replaced(**parameters)

        setattr(client, method, call)
        return client

    def iam(of: Stack) -> Any:
        return guarded(iam_of(of), "simulate_principal_policy", "iam", "SimulatePrincipalPolicy")

    def all_clients() -> Clients:
        made = clients()
        guarded(made.quotas, "get_service_quota", "servicequotas", "GetServiceQuota")
        return made

    session = boto3.Session(region_name=REGION)
    session.events.register("before-parameter-build", before)
    monkeypatch.setattr(boto3, "client", session.client)
    monkeypatch.setattr(test_deployment_check, "iam_of", iam)
    monkeypatch.setattr(test_deployment_check, "clients", all_clients)
    return policies


def test_the_policy_suffices_for_all_checks(stack: Stack, rights: list[dict[str, Any]]) -> None:
    found = findings(stack)
    assert {one for one in found.values() if one.state is not State.OK} == set()
    assert len(found) > 12


@pytest.mark.parametrize("action", sorted(granted(POLICY) - IN_THE_BUCKET))
def test_without_one_action_a_check_cannot_look(stack: Stack, rights: list[dict[str, Any]], action: str) -> None:
    for statement in rights[0]["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        statement["Action"] = [one for one in actions if one != action]
    unknown = [one.text for one in findings(stack).values() if one.state is not State.OK]
    assert unknown
    assert all(action in text for text in unknown)
