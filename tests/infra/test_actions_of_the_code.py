"""The rights of the roles equal the requests that the code can send."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.infra.stack import documents, template
from tests.places import ROOT

BY_OPERATION = {
    "HeadObject": "s3:GetObject",
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "DeleteObjects": "s3:DeleteObject",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
}
"""Operations whose action in IAM has another name."""

OF_AIRFLOW = {
    "s3:DeleteObjectVersion": "DeleteObjects with versions",
    "kms:Decrypt": "reads of the bucket and messages to the topic, both under the key",
    "kms:GenerateDataKey": "writes to the bucket and messages to the topic, both under the key",
    "iam:PassRole": "RunJobFlow with roles",
    "elasticmapreduce:AddTags": "RunJobFlow with tags",
    "elasticmapreduce:PutAutoTerminationPolicy": "RunJobFlow with an AutoTerminationPolicy",
    "elasticmapreduce:PutManagedScalingPolicy": "RunJobFlow with a ManagedScalingPolicy",
    "sns:Publish": "SnsNotifier of Airflow's amazon provider",
}
"""Granted actions without a request in Verger's own code, and what needs them."""

CHECK = "plugins/verger/deployment_check"
"""The folder of `python -m verger.deployment_check`. It runs with rights of its own, not in Airflow."""

OF_THE_CHECK = {
    "s3:GetObject": "the check of an artifact set in the bucket, by verger.s3.artifact_objects",
    "kms:Decrypt": "reads of the bucket under the key",
}
"""Granted actions without a request in the folder of the check, and what needs them."""

BY_FUNCTION = {
    "get": "s3:GetObject",
    "get_range": "s3:GetObject",
    "head": "s3:GetObject",
    "put": "s3:PutObject",
    "open_writer": "s3:PutObject",
    "list": "s3:ListBucket",
    "list_with_delimiter": "s3:ListBucket",
    "delete": "s3:DeleteObject",
}
"""Functions of obstore by the action that they need."""

OF_NODES = {
    "s3:AbortMultipartUpload": "obstore and S3A, when an upload fails",
    "s3:ListMultipartUploadParts": "EMR's committer, as AWS documents it",
    **{
        f"kms:{name}": "the bucket, and the disks of a node as AWS documents it"
        for name in ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey")
    },
    "kms:GenerateDataKeyWithoutPlaintext": "the disks of a node as AWS documents it",
}
"""Granted actions without a call of obstore, and what needs them."""


def granted(role: str) -> set[str]:
    """Return all actions that the policies of a role, or a managed policy, allow."""
    found: set[str] = set()
    for policy in documents(template()["Resources"][role]["Properties"]):
        for statement in policy["Statement"]:
            actions = statement["Action"]
            found |= {actions} if isinstance(actions, str) else {*actions}
    return found


def sources(*folders: str, without: str | None = None) -> Iterator[str]:
    """Yield the text of every module in the folders, except those in the folder `without`."""
    for path in (path for folder in folders for path in sorted(Path(ROOT, folder).rglob("*.py"))):
        if without is None or not path.is_relative_to(ROOT / without):
            yield path.read_text()


def calls(source: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call of an attribute, with the name of the attribute."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr, node


def operations() -> dict[str, str]:
    """Return action by method of boto3's clients."""
    options: Any = {"region_name": "eu-west-3", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    clients = [boto3.client(name, **options) for name in ("s3", "emr", "iam", "ec2", "service-quotas")]
    known = {
        method: BY_OPERATION.get(operation, f"{client.meta.service_model.signing_name}:{operation}")
        for client in clients
        for method, operation in client.meta.method_to_api_mapping.items()
    }
    del known["get_session"]  # a method of EMR's client, and of Airflow's hook
    return known


def sent(texts: Iterable[str]) -> set[str]:
    """Return the actions of all requests that boto3's clients send in these modules."""
    known, found = operations(), set()
    for text in texts:
        for name, _ in calls(text):
            if name in known:
                found.add(known[name])
            if name == "upload_file":
                found |= {"s3:PutObject", "s3:AbortMultipartUpload"}
        # The operation of a paginator is a text, sometimes in a variable.
        found |= {known[name] for name in re.findall(r'"((?:list|describe)_[a-z0-9_]+)"', text) if name in known}
    return found


def test_airflow_has_the_rights_for_its_requests_and_no_others() -> None:
    of_airflow = sent(sources("plugins/verger", "plugins/verger_ui", "dags", without=CHECK))
    assert {"elasticmapreduce:RunJobFlow", "s3:PutObject", "s3:ListBucketVersions"} <= of_airflow
    assert not of_airflow & {*OF_AIRFLOW}
    assert granted("AirflowRole") == of_airflow | {*OF_AIRFLOW}


def test_the_policy_of_the_check_has_the_rights_for_its_requests_and_no_others() -> None:
    of_check = sent(sources(CHECK))
    assert {"s3:ListBucket", "iam:SimulatePrincipalPolicy", "ec2:DescribeInstanceTypeOfferings"} <= of_check
    assert not of_check & {*OF_THE_CHECK}
    assert granted("DeploymentCheckPolicy") == of_check | {*OF_THE_CHECK}


def test_the_check_names_the_actions_of_its_policy() -> None:
    named = {
        action
        for text in sources(CHECK)
        for action in re.findall(r"\b(?:s3|iam|ec2|elasticmapreduce|servicequotas):[A-Z]\w+", text)
    }
    simulated = {"s3:PutObject", "s3:DeleteObject"}  # rights of the nodes
    assert named == granted("DeploymentCheckPolicy") - {"kms:Decrypt"} | simulated


def of_obstore(*folders: str) -> set[str]:
    """Return the functions of obstore that the modules in the folders call."""
    return {
        name
        for text in sources(*folders)
        for name, node in calls(text)
        if isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "obstore"
    }


def test_nodes_have_the_rights_for_their_requests_and_no_others() -> None:
    of_nodes = {BY_FUNCTION[name] for name in of_obstore("spark_jobs") if name in BY_FUNCTION}
    assert not of_nodes & {*OF_NODES}
    assert granted("NodeRole") == of_nodes | {*OF_NODES}


def test_every_function_of_obstore_that_the_steps_call_is_known() -> None:
    assert of_obstore("spark_jobs", "plugins/verger_photo") - {*BY_FUNCTION} == set()


@pytest.mark.parametrize("role", ["AirflowRole", "NodeRole", "DeploymentCheckPolicy"])
def test_no_action_is_a_pattern(role: str) -> None:
    assert [action for action in granted(role) if "*" in action] == []
