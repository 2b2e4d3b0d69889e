"""The template of infra/, deployed into moto with the parameters of the tests."""

from __future__ import annotations

from typing import Self

from local_aws.iam.template import ACCOUNT, NAME, TEMPLATE, DeployedTemplate, documents, template

__all__ = ["ACCOUNT", "BUCKET", "NAME", "REGION", "TEMPLATE", "Stack", "documents", "template"]

REGION, BUCKET = "eu-west-3", "orchard"
NO_LINKED_ROLES = {"CreateEmrServiceLinkedRole": "false", "CreateSpotServiceLinkedRole": "false"}
REQUIRED = {"BucketName": BUCKET, "AirflowPrincipal": f"arn:aws:iam::{ACCOUNT}:role/airflow"}


class Stack(DeployedTemplate):
    """A stack in moto. Use it inside `mock_aws`."""

    @classmethod
    def create(cls, **parameters: str) -> Self:
        """Deploy the template."""
        return cls.deploy(REGION, REQUIRED | NO_LINKED_ROLES | parameters)
