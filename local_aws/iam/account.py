"""The account of an enforced stack: its principals, and the policies of the deployed template.

The gateway deploys the template into moto at the first start of a stack and keeps the result in `<state>/iam.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_aws.credentials import write_private
from local_aws.iam.evaluator import ALLOWED, Policies, Request

if TYPE_CHECKING:
    from local_aws.iam.sessions import KeyOwner

FILE = "iam.json"
ADMINISTRATOR, AIRFLOW_USER, CHECKER = "administrator", "airflow", "checker"
"""Users: the owner of the stack, Airflow before it assumes its role, and whoever runs the deployment check."""
AIRFLOW, NODES, SERVICE = "AirflowRole", "NodeRole", "ServiceRole"
"""Roles, by their names in the template."""


@dataclass(frozen=True)
class Principal:
    """A user or a role.

    Attributes
    ----------
    arn : str
    policies : sequence of mapping
        Its own policies.
    trust : mapping or None
        The trust policy of a role: who may assume it.
    by_endpoint : bool
        Whether its requests reach S3 by the VPC endpoint of the template.
    """

    arn: str
    policies: Sequence[Mapping[str, Any]]
    trust: Mapping[str, Any] | None = None
    by_endpoint: bool = False


@dataclass(frozen=True)
class Account:
    """The account.

    Attributes
    ----------
    number, region, bucket, key : str
        Account number, region, name of the bucket, ARN of its KMS key.
    principals : mapping of str to Principal
    bucket_properties : mapping
        The properties of the bucket in the template: its encryption, and its public access block.
    bucket_policy, endpoint_policy : mapping
        Policies of the bucket and of the VPC endpoint.
    settings : mapping of str to str
        The output Settings of the template.
    connection : str
        The output AirflowConnection of the template.
    security_configuration : mapping
        The EMR security configuration of the template.
    template : str
        SHA-256 of the template.
    """

    number: str
    region: str
    bucket: str
    key: str
    principals: Mapping[str, Principal]
    bucket_properties: Mapping[str, Any]
    bucket_policy: Mapping[str, Any]
    endpoint_policy: Mapping[str, Any]
    settings: Mapping[str, str]
    connection: str
    security_configuration: Mapping[str, Any]
    template: str = ""

    @property
    def bucket_arn(self) -> str:
        """ARN of the bucket."""
        return f"arn:aws:s3:::{self.bucket}"

    def role(self, arn: str) -> str | None:
        """Return the name in the template of the role with this ARN."""
        return next((name for name, found in self.principals.items() if found.arn == arn and found.trust), None)

    def arn(self, owner: KeyOwner) -> str:
        """Return the ARN of a principal, for a role that of its session."""
        arn = self.principals[owner.name].arn
        if not owner.session:
            return arn
        return f"{arn.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/{owner.session}"

    def decision(self, principal: str, request: Request) -> str:
        """Return the decision about a request: one of those of `evaluator`."""
        who = self.principals[principal]
        on_bucket = request.resource == self.bucket_arn or request.resource.startswith(f"{self.bucket_arn}/")
        context = {"aws:PrincipalAccount": self.number, "aws:PrincipalArn": who.arn, **request.context}
        policies = Policies(
            who.arn,
            who.policies,
            self.bucket_policy if on_bucket else None,
            self.endpoint_policy if who.by_endpoint and request.action.startswith("s3:") else None,
        )
        return policies.decision(Request(request.action, request.resource, context))

    def trusts(self, role: str, principal: str) -> bool:
        """Return whether the trust policy of a role lets a principal assume it."""
        trust, arn = self.principals[role].trust, self.principals[principal].arn
        if trust is None:
            return False
        statements = [{**statement, "Resource": "*"} for statement in trust["Statement"]]
        document = {**trust, "Statement": statements}
        return Policies(arn, [], document).decision(Request("sts:AssumeRole", "*")) == ALLOWED

    def save(self, state: Path) -> None:
        """Write the account to the state folder."""
        write_private(state / FILE, json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, state: Path) -> Account:
        """Read the account from the state folder."""
        values = json.loads((state / FILE).read_text())
        principals = {name: Principal(**value) for name, value in values.pop("principals").items()}
        return cls(principals=principals, **values)
