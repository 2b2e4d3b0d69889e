"""Who may do what: the policies of the stack, evaluated for single requests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.infra.policy_evaluator import Policies, Request, evaluate
from tests.infra.stack import ACCOUNT, BUCKET, REGION, Stack

ALLOWED, REFUSED, FORBIDDEN = "Allowed", "ImplicitlyDenied", "ExplicitlyDenied"
"""REFUSED: no statement allows it. FORBIDDEN: a statement denies it, whatever other policies allow."""

ARN = f"arn:aws:s3:::{BUCKET}"
CLUSTER = f"arn:aws:elasticmapreduce:{REGION}:{ACCOUNT}:cluster/j-1"
TLS = {"aws:SecureTransport": "true"}
OWN_TAGS = {"verger": "cluster", "verger:deployment": BUCKET, "for-use-with-amazon-emr-managed-policies": "true"}


def on_object(action: str, key: str, **context: str) -> Request:
    """A request for an object of the bucket."""
    return Request(f"s3:{action}", f"{ARN}/{key}", TLS | context)


def on_bucket(action: str) -> Request:
    """A request for the bucket."""
    return Request(f"s3:{action}", ARN, TLS)


def launch(**tags: str) -> Request:
    """A RunJobFlow request with tags."""
    return Request("elasticmapreduce:RunJobFlow", "*", {f"aws:RequestTag/{key}": value for key, value in tags.items()})


def on_cluster(action: str, **tags: str) -> Request:
    """A request for a cluster with tags."""
    context = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
    return Request(f"elasticmapreduce:{action}", CLUSTER, context)


def pass_role(name: str, service: str) -> Request:
    """The right that RunJobFlow needs for each role; {} stands for the physical name of a role of the stack."""
    return Request("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{name}", {"iam:PassedToService": service})


OTHER_DEPLOYMENT = OWN_TAGS | {"verger:deployment": "other"}

AIRFLOW = {
    ALLOWED: [
        *map(on_bucket, ("ListBucket", "ListBucketVersions", "ListBucketMultipartUploads", "GetBucketVersioning")),
        *(
            on_object("GetObject", key)
            for key in ("images/Kiwi/7.jpg", "features/run=r~1/part-0.parquet", "published.json")
        ),
        *(
            on_object("PutObject", key)
            for key in ("artifacts/0a/manifest.json", "published.json", "logs/spark-events/")
        ),
        *(on_object("PutObject", key) for key in ("runs/r/plan.json", "runs/known_rejects.json", "janitor/j-1.json")),
        *(on_object("DeleteObject", key) for key in ("features/run=r~1/a", "rejects/run=r~1/a", "pca/run=r~1/a")),
        *(
            on_object("DeleteObjectVersion", key)
            for key in ("models/pca/run=r~1/a", "runs/r/plan.json", "janitor/j-1.json")
        ),
        *(on_object("AbortMultipartUpload", key) for key in ("runs/r/inventory.parquet", "features/run=r~1/a")),
        launch(**OWN_TAGS),
        Request("elasticmapreduce:ListClusters", "*"),
        *(
            on_cluster(name, verger="cluster")
            for name in ("DescribeCluster", "DescribeStep", "ListSteps", "ListInstances")
        ),
        *(on_cluster(name, **OWN_TAGS) for name in ("AddJobFlowSteps", "CancelSteps", "TerminateJobFlows", "AddTags")),
        *(on_cluster(name, **OWN_TAGS) for name in ("PutAutoTerminationPolicy", "PutManagedScalingPolicy")),
        pass_role("{ServiceRole}", "elasticmapreduce.amazonaws.com"),
        pass_role("{NodeRole}", "ec2.amazonaws.com"),
    ],
    REFUSED: [
        *(on_object("PutObject", key) for key in ("features/run=r~1/a", "logs/j-1/stdout", "else/7")),
        *(
            on_object("DeleteObject", key)
            for key in ("published.json", "artifacts/0a/manifest.json", "logs/j-1/stdout")
        ),
        *(Request(f"s3:{name}", "arn:aws:s3:::other/images/7.jpg", TLS) for name in ("GetObject", "PutObject")),
        Request("s3:ListBucket", "arn:aws:s3:::other", TLS),
        *map(on_bucket, ("DeleteBucket", "PutBucketPolicy", "PutBucketVersioning", "PutLifecycleConfiguration")),
        launch(),
        launch(verger="cluster"),
        launch(**OTHER_DEPLOYMENT),
        on_cluster("DescribeCluster"),
        *(on_cluster(name) for name in ("TerminateJobFlows", "AddJobFlowSteps", "CancelSteps", "AddTags")),
        *(on_cluster(name, verger="other") for name in ("TerminateJobFlows", "DescribeCluster")),
        *(on_cluster(name, **OTHER_DEPLOYMENT) for name in ("TerminateJobFlows", "AddJobFlowSteps", "AddTags")),
        *(on_cluster(name, **OWN_TAGS) for name in ("RemoveTags", "SetTerminationProtection", "ModifyInstanceFleet")),
        pass_role("admin", "elasticmapreduce.amazonaws.com"),
        pass_role("admin", "ec2.amazonaws.com"),
        pass_role("{NodeRole}", "lambda.amazonaws.com"),
        pass_role("{ServiceRole}", "ec2.amazonaws.com"),
        pass_role("{AirflowRole}", "ec2.amazonaws.com"),
    ],
    FORBIDDEN: [
        *(on_object(name, "images/Kiwi/7.jpg") for name in ("PutObject", "DeleteObject", "DeleteObjectVersion")),
        on_object("GetObject", "published.json", **{"aws:SecureTransport": "false"}),
    ],
}

TABLES = ("features/run=r~1/a", "rejects/run=r~1/a", "pca/run=r~1/a", "models/pca/run=r~1/data/a", "runs/r/drift~1/a")
METRICS = ("runs/r/featurize.json", "runs/r/pca.json", "runs/r/progress.json")

NODES = {
    ALLOWED: [
        *map(on_bucket, ("ListBucket", "ListBucketMultipartUploads")),
        *(
            on_object("GetObject", key)
            for key in ("images/Kiwi/7.jpg", "artifacts/0a/manifest.json", "runs/r/plan.json")
        ),
        *(on_object(name, key) for key in TABLES for name in ("PutObject", "DeleteObject", "AbortMultipartUpload")),
        *(on_object("PutObject", key) for key in (*METRICS, "logs/j-1/steps/s-1/stderr.gz", "runs/r/")),
        *(on_object(name, "logs/spark-events/application_1") for name in ("PutObject", "DeleteObject")),
    ],
    REFUSED: [
        *(on_object("PutObject", key) for key in ("published.json", "artifacts/0a/featurize.py", "janitor/j-1.json")),
        *(on_object("PutObject", key) for key in ("runs/known_rejects.json", "runs/r/plan.json", "runs/r/run.json")),
        *(
            on_object("PutObject", key)
            for key in ("runs/r/manifest.parquet", "runs/r/validation.json", "runs/r/report.html")
        ),
        *(on_object("DeleteObject", key) for key in ("published.json", "artifacts/0a/featurize.py", *METRICS)),
        on_object("DeleteObject", "logs/j-1/steps/s-1/stderr.gz"),
        *(on_object("DeleteObjectVersion", key) for key in TABLES),
        on_bucket("ListBucketVersions"),
        *(Request(f"s3:{name}", "arn:aws:s3:::other/images/7.jpg", TLS) for name in ("GetObject", "PutObject")),
        Request("s3:ListBucket", "arn:aws:s3:::other", TLS),
        launch(**OWN_TAGS),
        on_cluster("TerminateJobFlows", **OWN_TAGS),
        on_cluster("DescribeCluster", **OWN_TAGS),
        pass_role("{NodeRole}", "ec2.amazonaws.com"),
        Request("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/{{AirflowRole}}"),
    ],
    FORBIDDEN: [
        *(on_object(name, "images/Kiwi/7.jpg") for name in ("PutObject", "DeleteObject", "DeleteObjectVersion")),
        on_object("GetObject", "images/Kiwi/7.jpg", **{"aws:SecureTransport": "false"}),
    ],
}

SERVICE = {
    ALLOWED: [pass_role("{NodeRole}", "ec2.amazonaws.com")],
    REFUSED: [
        pass_role("{AirflowRole}", "ec2.amazonaws.com"),
        pass_role("{NodeRole}", "lambda.amazonaws.com"),
        on_object("GetObject", "images/Kiwi/7.jpg"),
    ],
    FORBIDDEN: [on_object(name, "images/Kiwi/7.jpg") for name in ("PutObject", "DeleteObject")],
}

CASES = [
    (role, request, expected)
    for role, expectations in (("AirflowRole", AIRFLOW), ("NodeRole", NODES), ("ServiceRole", SERVICE))
    for expected, requests in expectations.items()
    for request in requests
]


@pytest.fixture(scope="module")
def results(stack: Stack) -> list[str]:
    """The result of each case, evaluated by one process."""
    names = {role: stack.name(role) for role in ("AirflowRole", "NodeRole", "ServiceRole")}
    return evaluate(
        simulation(stack, role, Request(request.action, request.resource.format(**names), request.context))
        for role, request, _ in CASES
    )


def simulation(stack: Stack, role: str, request: Request) -> dict[str, Any]:
    """Return the simulation of a request with all policies that decide about it."""
    # Nodes reach S3 by the endpoint only.
    by_endpoint = role == "NodeRole" and request.action.startswith("s3:")
    policies = Policies(
        f"arn:aws:iam::{ACCOUNT}:role/{stack.name(role)}",
        stack.role_policies(role),
        stack.properties("BucketPolicy")["PolicyDocument"] if request.resource.startswith(ARN) else None,
        stack.properties("S3Endpoint")["PolicyDocument"] if by_endpoint else None,
    )
    context = {**request.context, **({"aws:PrincipalAccount": ACCOUNT} if by_endpoint else {})}
    return policies.simulation(Request(request.action, request.resource, context))


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{role} {request}: {end}" for role, request, end in CASES])
def test_a_request_is_allowed_or_refused(results: list[str], number: int) -> None:
    _, _, expected = CASES[number]
    assert results[number] == expected


ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
"""The policy of a role that may do everything with every bucket."""


@pytest.mark.parametrize(
    ("action", "resource", "account", "expected"),
    [
        ("GetObject", f"{ARN}/images/Kiwi/7.jpg", ACCOUNT, ALLOWED),
        ("PutObject", "arn:aws:s3:::other/images/7.jpg", ACCOUNT, REFUSED),
        ("PutObject", f"{ARN}/features/run=r~1/a", "999999999999", REFUSED),
        ("GetObject", f"arn:aws:s3:::al2023-repos-{REGION}-de612dc2/core/repodata/repomd.xml", ACCOUNT, ALLOWED),
        ("GetObject", f"arn:aws:s3:::repo.{REGION}.emr.amazonaws.com/repodata/repomd.xml", ACCOUNT, ALLOWED),
        ("PutObject", f"arn:aws:s3:::al2023-repos-{REGION}-de612dc2/a", ACCOUNT, REFUSED),
    ],
)
def test_the_endpoint_of_s3_leads_only_to_the_bucket_and_the_repositories(
    stack: Stack, action: str, resource: str, account: str, expected: str
) -> None:
    of_endpoint = stack.properties("S3Endpoint")["PolicyDocument"]
    policies = Policies(f"arn:aws:iam::{ACCOUNT}:role/any", [ALL], endpoint=of_endpoint)
    request = Request(f"s3:{action}", resource, TLS | {"aws:PrincipalAccount": account})
    assert evaluate([policies.simulation(request)]) == [expected]
