"""The template of infra/, deployed into moto: it gives the resources names and resolves the policies.

moto 5.2.5 creates no bucket policy, topic policy, subscription, alarm, budget, egress rule and service-linked role, and
of a bucket only name, encryption and tags. Its intrinsic functions resolve the properties of these too.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import boto3
import yaml
from moto.cloudformation.models import cloudformation_backends
from moto.cloudformation.parsing import clean_json
from moto.cloudformation.utils import yaml_tag_constructor

from local_aws.settings import REPOSITORY

TEMPLATE = REPOSITORY / "infra" / "verger.yaml"
#: The account of moto, and of the local EMR.
ACCOUNT = "123456789012"
NAME = "verger"


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


def documents(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the policy documents of a role, or of a managed policy, from its properties."""
    if "PolicyDocument" in properties:
        return [properties["PolicyDocument"]]
    return [policy["PolicyDocument"] for policy in properties["Policies"]]


@dataclass(frozen=True)
class DeployedTemplate:
    """A stack in moto. Use it inside `mock_aws`."""

    region: str
    template: dict[str, Any]
    parameters: dict[str, str]

    @classmethod
    def deploy(cls, region: str, parameters: dict[str, str]) -> Self:
        """Deploy the template."""
        found = cls(region, template(), parameters)
        body = template()
        # moto 5.2.5 reads the tags of a key in the shape of KMS's API.
        key = body["Resources"]["Key"]["Properties"]
        key["Tags"] = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in key["Tags"]]
        boto3.client("cloudformation", region).create_stack(
            StackName=NAME,
            TemplateBody=json.dumps(body),
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in found.parameters.items()],
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
        return found

    @property
    def outputs(self) -> dict[str, str]:
        """The values of the outputs by name."""
        (stack,) = boto3.client("cloudformation", self.region).describe_stacks(StackName=NAME)["Stacks"]
        if stack["StackStatus"] != "CREATE_COMPLETE":
            raise RuntimeError(f"{TEMPLATE}: moto did not create it: {stack['StackStatus']}")
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables of the output Settings."""
        return dict(line.split("=", 1) for line in self.outputs["Settings"].split("\n"))

    def properties(self, resource: str) -> Any:
        """Return the properties of a resource, with the values of all intrinsic functions."""
        return clean_json(self.template["Resources"][resource]["Properties"], self._resources)

    def name(self, resource: str) -> str:
        """Return the physical name of a resource."""
        return str(clean_json({"Ref": resource}, self._resources))

    def arn(self, resource: str) -> str:
        """Return the ARN of a resource."""
        return str(clean_json({"Fn::GetAtt": [resource, "Arn"]}, self._resources))

    def policies(self, resource: str) -> list[dict[str, Any]]:
        """Return the inline policies of a role, or a managed policy."""
        return documents(self.properties(resource))

    @property
    def _resources(self) -> Any:
        (stack,) = cloudformation_backends[ACCOUNT][self.region].stacks.values()
        return stack.resource_map
