"""Checks of the IAM roles: whether they exist, and what they may do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from verger.deployment_check.checks import Check, ProblemError
from verger.settings import Settings

LINKED_ROLES: Mapping[str, str] = {
    "AWSServiceRoleForEMRCleanup": "elasticmapreduce.amazonaws.com",
    "AWSServiceRoleForEC2Spot": "spot.amazonaws.com",
}
"""Service-linked roles that EMR and EC2 Spot need, and their services."""
SPOT_ROLE = "AWSServiceRoleForEC2Spot"
OVER_TLS = {"ContextKeyName": "aws:SecureTransport", "ContextKeyValues": ["true"], "ContextKeyType": "boolean"}


@dataclass(frozen=True)
class Rights:
    """Actions that a role must have, or must not have.

    Attributes
    ----------
    actions : tuple of str
    keys : tuple of str
        Keys of the bucket; empty: the bucket itself.
    allowed : bool
    """

    actions: tuple[str, ...]
    keys: tuple[str, ...] = ()
    allowed: bool = True


def of_nodes(images_prefix: str) -> tuple[Rights, ...]:
    """Return what the nodes of a cluster must be able to do, and what they must not."""
    return (
        Rights(("s3:ListBucket",)),
        Rights(("s3:GetObject",), (f"{images_prefix}a/b.jpg", "artifacts/0/manifest.json", "runs/r/plan.json")),
        Rights(("s3:PutObject",), ("features/run=r~1/a", "rejects/run=r~1/a", "pca/run=r~1/a", "models/pca/run=r~1/a")),
        Rights(("s3:PutObject",), ("runs/r/featurize.json", "runs/r/pca.json", "runs/r/progress.json")),
        Rights(("s3:PutObject", "s3:DeleteObject"), (f"{images_prefix}a/b.jpg", "published.json"), allowed=False),
    )


def checks(iam: Any, settings: Settings) -> Iterator[Check]:
    """Yield the checks of the roles."""
    cluster = settings.cluster
    for name in (cluster.service_role, cluster.node_role):
        yield Check(f"role {name}", "iam:GetRole", partial(_role, iam, name))
    yield Check("instance profile", "iam:GetInstanceProfile", partial(_profile, iam, cluster.node_role))
    for name, service in LINKED_ROLES.items():
        if name != SPOT_ROLE or cluster.task_spot:
            yield Check(f"role {name}", "iam:GetRole", partial(_linked_role, iam, name, service))
    yield Check(
        "rights of the nodes",
        "iam:GetRole, iam:SimulatePrincipalPolicy",
        lambda: _rights(iam, cluster.node_role, settings.storage.bucket, of_nodes(settings.storage.images_prefix)),
    )


def _role(iam: Any, name: str) -> str:
    try:
        return str(iam.get_role(RoleName=name)["Role"]["Arn"])
    except iam.exceptions.NoSuchEntityException as error:
        raise ProblemError(
            "does not exist; create the stack, or set VERGER_SERVICE_ROLE and VERGER_NODE_ROLE to the roles of it"
        ) from error


def _profile(iam: Any, name: str) -> str:
    try:
        roles = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]
    except iam.exceptions.NoSuchEntityException as error:
        raise ProblemError(
            f"{name} does not exist; EMR needs an instance profile with the name of the node role"
        ) from error
    if [role["RoleName"] for role in roles] != [name]:
        raise ProblemError(f"{name} has the roles {[role['RoleName'] for role in roles]}; expected the role {name}")
    return name


def _linked_role(iam: Any, name: str, service: str) -> str:
    try:
        iam.get_role(RoleName=name)
    except iam.exceptions.NoSuchEntityException as error:
        command = f"aws iam create-service-linked-role --aws-service-name {service}"
        raise ProblemError(f"does not exist; create it: {command}") from error
    return "exists"


def _rights(iam: Any, name: str, bucket: str, rights: Iterable[Rights]) -> str:
    """Simulate requests with the policies of the role. The policy of the bucket is not part of the simulation."""
    arn, wrong = iam.get_role(RoleName=name)["Role"]["Arn"], []
    partition = arn.split(":")[1]
    for group in rights:
        base = f"arn:{partition}:s3:::{bucket}"
        answer = iam.simulate_principal_policy(
            PolicySourceArn=arn,
            ActionNames=list(group.actions),
            ResourceArns=[f"{base}/{key}" for key in group.keys] or [base],
            ContextEntries=[OVER_TLS],
        )
        for result in answer["EvaluationResults"]:
            specific = result.get("ResourceSpecificResults") or []
            decisions = [(one["EvalResourceName"], one["EvalResourceDecision"]) for one in specific]
            for resource, decision in decisions or [(result.get("EvalResourceName", base), result["EvalDecision"])]:
                if (decision == "allowed") is not group.allowed:
                    wrong.append(f"{result['EvalActionName']} on {resource} is {decision}")
    if wrong:
        raise ProblemError(f"{'; '.join(wrong)}; see docs/deploy-to-aws.md, Rights of the nodes")
    return "as documented"
