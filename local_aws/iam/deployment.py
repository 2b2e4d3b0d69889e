"""Deploys the template into moto and makes the account of an enforced stack from it."""

from __future__ import annotations

import hashlib

from moto import mock_aws

from local_aws.iam import account
from local_aws.iam.account import Account, Principal
from local_aws.iam.template import ACCOUNT, TEMPLATE, DeployedTemplate

ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def deploy(bucket: str, region: str) -> Account:
    """Return the account of a stack of the template for this bucket, with the defaults of all other parameters."""
    user = f"arn:aws:iam::{ACCOUNT}:user"
    parameters = {
        "BucketName": bucket,
        "AirflowPrincipal": f"{user}/{account.AIRFLOW_USER}",
        "CreateEmrServiceLinkedRole": "false",
        "CreateSpotServiceLinkedRole": "false",
    }
    with mock_aws():
        made = DeployedTemplate.deploy(region, parameters)
        assumes = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": made.arn(account.AIRFLOW)}
        return Account(
            number=ACCOUNT,
            region=region,
            bucket=bucket,
            key=made.arn("Key"),
            principals={
                account.ADMINISTRATOR: Principal(f"{user}/{account.ADMINISTRATOR}", [ALL]),
                account.AIRFLOW_USER: Principal(f"{user}/{account.AIRFLOW_USER}", [{"Statement": assumes}]),
                account.CHECKER: Principal(f"{user}/{account.CHECKER}", made.policies("DeploymentCheckPolicy")),
                **{name: _role(made, name) for name in (account.AIRFLOW, account.NODES, account.SERVICE)},
            },
            bucket_properties=made.properties("Bucket"),
            bucket_policy=made.properties("BucketPolicy")["PolicyDocument"],
            endpoint_policy=made.properties("S3Endpoint")["PolicyDocument"],
            settings=made.settings,
            connection=made.outputs["AirflowConnection"],
            template=digest(),
            security_configuration=made.properties("SecurityConfiguration")["SecurityConfiguration"],
        )


def digest() -> str:
    """Return the SHA-256 of the template."""
    return hashlib.sha256(TEMPLATE.read_bytes()).hexdigest()


def _role(made: DeployedTemplate, name: str) -> Principal:
    properties = made.properties(name)
    return Principal(
        made.arn(name), made.policies(name), properties["AssumeRolePolicyDocument"], by_endpoint=name == account.NODES
    )
