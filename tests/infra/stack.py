"""The template of infra/, deployed into moto.

moto 5.2.5 creates no bucket policy, topic policy, subscription, alarm, budget, egress rule and service-linked role, and
of a bucket only name, encryption and tags. Its intrinsic functions resolve the properties of these too.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import yaml
from moto.cloudformation.models import cloudformation_backends
from moto.cloudformation.parsing import clean_json
from moto.cloudformation.utils import yaml_tag_constructor

from tests.places import ROOT

TEMPLATE = ROOT / "infra/verger.yaml"
ACCOUNT, REGION, BUCKET, NAME = "123456789012", "eu-west-3", "orchard", "verger"
NO_LINKED_ROLES = {"CreateEmrServiceLinkedRole": "false", "CreateSpotServiceLinkedRole": "false"}
REQUIRED = {"BucketName": BUCKET, "AirflowPrincipal": f"arn:aws:iam::{ACCOUNT}:role/airflow"}


class _Loader(yaml.SafeLoader):
    """Reads the short forms of intrinsic functions."""


_Loader.add_multi_constructor("", yaml_tag_constructor)


def template() -> dict[str, Any]:
    """Return the template with the long forms of all intrinsic functions."""
    return copy.deepcopy(_loaded())


@cache
def _loaded() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.load(TEMPLATE.read_text(), _Loader)  # noqa: S506 (a subclass of SafeLoader)
    return loaded


def documents(properties: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the policy documents of a role, or of a managed policy, from its properties."""
    if "PolicyDocument" in properties:
        return [properties["PolicyDocument"]]
    return [policy["PolicyDocument"] for policy in properties["Policies"]]


@dataclass(frozen=True)
class Stack:
    """A stack in moto. Use it inside `mock_aws`."""

    template: dict[str, Any]
    parameters: dict[str, str]

    @classmethod
    def create(cls, **parameters: str) -> Stack:
        """Deploy the template."""
        found = cls(template(), REQUIRED | NO_LINKED_ROLES | parameters)
        body = template()
        # moto 5.2.5 reads the tags of a key in the shape of KMS's API.
        key = body["Resources"]["Key"]["Properties"]
        key["Tags"] = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in key["Tags"]]
        boto3.client("cloudformation", REGION).create_stack(
            StackName=NAME,
            TemplateBody=json.dumps(body),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in found.parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        return found

    @property
    def outputs(self) -> dict[str, str]:
        """The values of the outputs by name."""
        (stack,) = boto3.client("cloudformation", REGION).describe_stacks(StackName=NAME)["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables of the output Settings."""
        return dict(line.split("=", 1) for line in self.outputs["Settings"].split("\n"))

    def properties(self, resource: str) -> Any:
        """Return the properties of a resource, with the values of all intrinsic functions."""
        (stack,) = cloudformation_backends[ACCOUNT][REGION].stacks.values()
        return clean_json(self.template["Resources"][resource]["Properties"], stack.resource_map)

    def name(self, resource: str) -> str:
        """Return the physical name of a resource."""
        (stack,) = cloudformation_backends[ACCOUNT][REGION].stacks.values()
        return str(clean_json({"Ref": resource}, stack.resource_map))

    def role_policies(self, role: str) -> list[dict[str, Any]]:
        """Return the inline policies of a role, or a managed policy."""
        return documents(self.properties(role))
