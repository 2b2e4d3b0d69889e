"""The rights of the roles equal the requests that the code can send."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.infra.stack import template
from tests.places import ROOT

BY_OPERATION = {
    "HeadObject": "s3:GetObject",
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "DeleteObjects": "s3:DeleteObject",
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
    "s3:ListBucketMultipartUploads": "the committers of S3A, when Spark writes the table of drift",
    "s3:ListMultipartUploadParts": "EMR's committer, as AWS documents it",
    **{
        f"kms:{name}": "the bucket, and the disks of a node as AWS documents it"
        for name in ("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "DescribeKey")
    },
    "kms:GenerateDataKeyWithoutPlaintext": "the disks of a node as AWS documents it",
}
"""Granted actions without a call of obstore, and what needs them."""


def granted(role: str) -> set[str]:
    """Return all actions that the policies of a role allow."""
    found: set[str] = set()
    for policy in template()["Resources"][role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            found |= {actions} if isinstance(actions, str) else {*actions}
    return found


def calls(*folders: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call of an attribute, with the name of the attribute."""
    for path in (path for folder in folders for path in sorted(Path(ROOT, folder).rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield node.func.attr, node


def operations() -> dict[str, str]:
    """Return action by method of boto3's clients."""
    options: Any = {"region_name": "eu-west-3", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
    clients = {"s3": boto3.client("s3", **options), "elasticmapreduce": boto3.client("emr", **options)}
    return {
        method: BY_OPERATION.get(operation, f"{prefix}:{operation}")
        for prefix, client in clients.items()
        for method, operation in client.meta.method_to_api_mapping.items()
    }


def sent_by_airflow() -> set[str]:
    """Return the actions of all requests in the code that Airflow runs."""
    known, found = operations(), set()
    for name, _ in calls("plugins/verger", "plugins/verger_ui", "dags"):
        if name in known:
            found.add(known[name])
        if name == "upload_file":
            found |= {"s3:PutObject", "s3:AbortMultipartUpload"}
    for path in (
        path for folder in ("plugins/verger", "plugins/verger_ui") for path in Path(ROOT, folder).rglob("*.py")
    ):
        # The operation of a paginator is a text, sometimes in a variable.
        found |= {known[text] for text in re.findall(r'"(list_[a-z0-9_]+)"', path.read_text()) if text in known}
    return found


def test_airflow_has_the_rights_for_its_requests_and_no_others() -> None:
    sent = sent_by_airflow()
    assert {"elasticmapreduce:RunJobFlow", "s3:PutObject", "s3:ListBucketVersions"} <= sent
    assert not sent & {*OF_AIRFLOW}
    assert granted("AirflowRole") == sent | {*OF_AIRFLOW}


def test_nodes_have_the_rights_for_their_requests_and_no_others() -> None:
    sent = {
        BY_FUNCTION[name]
        for name, node in calls("spark_jobs")
        if isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "obstore"
        and name in BY_FUNCTION
    }
    assert not sent & {*OF_NODES}
    assert granted("NodeRole") == sent | {*OF_NODES}


def test_every_function_of_obstore_that_the_steps_call_is_known() -> None:
    called = {
        name
        for name, node in calls("spark_jobs", "plugins/verger_photo")
        if isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "obstore"
    }
    assert called - {*BY_FUNCTION} == set()


@pytest.mark.parametrize("role", ["AirflowRole", "NodeRole"])
def test_no_action_is_a_pattern(role: str) -> None:
    assert [action for action in granted(role) if "*" in action] == []
