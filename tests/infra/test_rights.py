"""Who may do what: the policies of the stack, evaluated for single requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from local_aws.iam.evaluator import ALLOWED, FORBIDDEN, REFUSED, Policies, Request
from tests.infra.stack import ACCOUNT, BUCKET, REGION, Stack
from verger.emr.requests import cluster
from verger.settings import Settings
from verger_contract.keys import KNOWN_REJECTS, PUBLISHED, SPARK_EVENTS, Run, artifacts, janitor_record
from verger_contract.verification.verdict import VERIFY_FEATURES, VERIFY_PCA

ARN = f"arn:aws:s3:::{BUCKET}"
CLUSTER = f"arn:aws:elasticmapreduce:{REGION}:{ACCOUNT}:cluster/j-1"
TLS = {"aws:SecureTransport": "true"}
RUN = Run(BUCKET, "scheduled-7", "0a1b2c3d", "4e5f6a7b")
REQUEST = cluster(
    Settings.from_environment({"VERGER_BUCKET": BUCKET}),
    dag_id="fruit_features",
    run_id=RUN.id,
    airflow_run="scheduled__7",
    artifacts=f"s3://{BUCKET}/artifacts/0a",
    environment="/opt/verger",
)
OWN_TAGS = {tag["Key"]: tag["Value"] for tag in REQUEST["Tags"]}
REQUIRED_TAGS = ("verger", "verger:deployment", "for-use-with-amazon-emr-managed-policies")
WITHOUT_ONE_TAG = [{key: OWN_TAGS[key] for key in OWN_TAGS if key != missing} for missing in REQUIRED_TAGS]
OTHER_DEPLOYMENT = OWN_TAGS | {"verger:deployment": "other"}
PHOTO = "images/Kiwi/7.jpg"
TABLES = [f"{folder}part-0" for folder in (RUN.features, RUN.rejects, RUN.pca, RUN.basis)]
TABLES += [f"{folder}part-0" for folder in (RUN.drift, RUN.statistics, RUN.suspects)]
METRICS = [*map(RUN.metrics, ("featurize", VERIFY_FEATURES, "pca", VERIFY_PCA)), RUN.progress]
ARTIFACTS = [f"{artifacts('0a')}/manifest.json", f"{artifacts('0a')}/featurize.py"]
OF_AIRFLOW = [
    *(RUN.marker, RUN.plan, RUN.inventory, RUN.work, RUN.deletes, RUN.compacted_deletes, RUN.removed, RUN.manifest),
    *(RUN.validation, RUN.spread, RUN.report, RUN.report_facts, RUN.failure, f"{RUN.steps}s-1.json", KNOWN_REJECTS),
]
"""Files of runs that the tasks of the DAG write."""

EVENT_LOG, NODE_LOG = f"{SPARK_EVENTS}application_1", "logs/j-1/node/i-1/syslog.gz"


def on_objects(action: str, *keys: str, tls: str = "true") -> list[Request]:
    """Requests for objects of the bucket."""
    return [Request(f"s3:{action}", f"{ARN}/{key}", {"aws:SecureTransport": tls}) for key in keys]


def on_bucket(*actions: str, bucket: str = ARN) -> list[Request]:
    """Requests for the bucket."""
    return [Request(f"s3:{action}", bucket, TLS) for action in actions]


def launch(tags: Mapping[str, str]) -> Request:
    """A RunJobFlow request with tags."""
    return Request("elasticmapreduce:RunJobFlow", "*", {f"aws:RequestTag/{key}": tags[key] for key in tags})


def on_cluster(tags: Mapping[str, str], *actions: str) -> list[Request]:
    """Requests for a cluster with tags."""
    context = {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
    return [Request(f"elasticmapreduce:{action}", CLUSTER, context) for action in actions]


def in_another_region(requests: Iterable[Request]) -> list[Request]:
    """The same requests in another region."""
    return [Request(found.action, found.resource.replace(REGION, "eu-west-1"), found.context) for found in requests]


def pass_role(name: str, service: str) -> Request:
    """The right that RunJobFlow needs for each role. `{NodeRole}` stands for the name of a role of the stack."""
    return Request("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{name}", {"iam:PassedToService": service})


def on_key(*actions: str, key: str = "{Key}", **context: str) -> list[Request]:
    """Requests for a KMS key, by default that of the stack."""
    return [Request(f"kms:{action}", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}", context) for action in actions]


def publish(topic: str) -> Request:
    """A message to an SNS topic."""
    return Request("sns:Publish", topic)


FOR_AWS = {"kms:GrantIsForAWSResource": "true"}
USES_OF_DISKS = [
    *("Encrypt", "Decrypt", "ReEncryptFrom", "ReEncryptTo", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"),
    "DescribeKey",
]
OTHER_BUCKET = [
    *(Request(f"s3:{name}", f"arn:aws:s3:::other/{PHOTO}", TLS) for name in ("GetObject", "PutObject", "DeleteObject")),
    *on_bucket("ListBucket", bucket="arn:aws:s3:::other"),
]
PHOTOS_AND_HTTP = [
    *(request for name in ("PutObject", "DeleteObject", "DeleteObjectVersion") for request in on_objects(name, PHOTO)),
    *on_objects("GetObject", PHOTO, "published.json", tls="false"),
]

AIRFLOW = {
    ALLOWED: [
        *on_bucket("ListBucket", "ListBucketVersions", "ListBucketMultipartUploads", "GetBucketVersioning"),
        *on_objects("GetObject", PHOTO, PUBLISHED, *TABLES, *METRICS, *ARTIFACTS, *OF_AIRFLOW, NODE_LOG),
        *on_objects("PutObject", PUBLISHED, *ARTIFACTS, *METRICS, *OF_AIRFLOW, SPARK_EVENTS, janitor_record("j-1")),
        *on_objects("DeleteObject", *TABLES, *METRICS, *OF_AIRFLOW, janitor_record("j-1")),
        *on_objects("DeleteObjectVersion", *TABLES, *METRICS, *OF_AIRFLOW, janitor_record("j-1")),
        *on_objects("AbortMultipartUpload", *TABLES, RUN.inventory, *ARTIFACTS),
        launch(OWN_TAGS),
        Request("elasticmapreduce:ListClusters", "*"),
        *on_cluster({"verger": "cluster"}, "DescribeCluster", "DescribeStep", "ListSteps", "ListInstances"),
        *on_cluster(OWN_TAGS, "AddJobFlowSteps", "CancelSteps", "TerminateJobFlows", "AddTags"),
        *on_cluster(OWN_TAGS, "PutAutoTerminationPolicy", "PutManagedScalingPolicy"),
        pass_role("{ServiceRole}", "elasticmapreduce.amazonaws.com"),
        pass_role("{NodeRole}", "ec2.amazonaws.com"),
        *on_key("Decrypt", "GenerateDataKey"),
        publish("{Topic}"),
    ],
    REFUSED: [
        *on_key("Decrypt", "GenerateDataKey", key="other"),
        *on_key("Encrypt", "CreateGrant", "ScheduleKeyDeletion", "PutKeyPolicy"),
        publish(f"arn:aws:sns:{REGION}:{ACCOUNT}:other"),
        *in_another_region(on_cluster(OWN_TAGS, "DescribeCluster", "TerminateJobFlows")),
        *on_objects("PutObject", *TABLES[:4], EVENT_LOG, NODE_LOG, "else/7"),
        *on_objects("DeleteObject", PUBLISHED, *ARTIFACTS, EVENT_LOG, NODE_LOG),
        *on_bucket("DeleteBucket", "PutBucketPolicy", "PutBucketVersioning", "PutLifecycleConfiguration"),
        *OTHER_BUCKET,
        launch({}),
        *(launch(tags) for tags in WITHOUT_ONE_TAG),
        launch(OWN_TAGS | {"verger": "other"}),
        launch(OTHER_DEPLOYMENT),
        *on_cluster({}, "DescribeCluster", "TerminateJobFlows", "AddJobFlowSteps", "CancelSteps", "AddTags"),
        *on_cluster({"verger": "other"}, "DescribeCluster", "TerminateJobFlows"),
        *on_cluster({"verger:deployment": BUCKET}, "TerminateJobFlows", "AddJobFlowSteps", "DescribeCluster"),
        *on_cluster(OTHER_DEPLOYMENT, "TerminateJobFlows", "AddJobFlowSteps", "CancelSteps", "AddTags"),
        *on_cluster(OWN_TAGS, "RemoveTags", "SetTerminationProtection", "ModifyInstanceFleet", "AddInstanceFleet"),
        pass_role("admin", "elasticmapreduce.amazonaws.com"),
        pass_role("admin", "ec2.amazonaws.com"),
        pass_role("{NodeRole}", "lambda.amazonaws.com"),
        pass_role("{ServiceRole}", "ec2.amazonaws.com"),
        pass_role("{AirflowRole}", "ec2.amazonaws.com"),
    ],
    FORBIDDEN: PHOTOS_AND_HTTP,
}

NODES = {
    ALLOWED: [
        *on_bucket("ListBucket"),
        *on_objects("GetObject", PHOTO, *TABLES, *METRICS, *ARTIFACTS, RUN.plan, RUN.work, RUN.compacted_deletes),
        *on_objects("PutObject", *TABLES, *METRICS, NODE_LOG, EVENT_LOG, RUN.folder),
        *on_objects("DeleteObject", *TABLES, EVENT_LOG, RUN.folder),
        *on_objects("AbortMultipartUpload", *TABLES, EVENT_LOG),
        *on_objects("ListMultipartUploadParts", *TABLES),
        *on_key(*USES_OF_DISKS),
    ],
    REFUSED: [
        *on_key(*USES_OF_DISKS, key="other"),
        *on_key("CreateGrant", **FOR_AWS),
        *on_key("ScheduleKeyDeletion", "PutKeyPolicy"),
        *on_objects("PutObject", PUBLISHED, *ARTIFACTS, *OF_AIRFLOW, janitor_record("j-1"), "else/7"),
        *on_objects("DeleteObject", PUBLISHED, *ARTIFACTS, *OF_AIRFLOW, *METRICS, NODE_LOG, janitor_record("j-1")),
        *on_objects("DeleteObjectVersion", *TABLES, *METRICS),
        *on_bucket("ListBucketVersions", "DeleteBucket", "PutBucketPolicy"),
        *OTHER_BUCKET,
        launch(OWN_TAGS),
        *on_cluster(OWN_TAGS, "TerminateJobFlows", "DescribeCluster", "AddJobFlowSteps"),
        pass_role("{NodeRole}", "ec2.amazonaws.com"),
        Request("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/{{AirflowRole}}"),
    ],
    FORBIDDEN: PHOTOS_AND_HTTP,
}

SERVICE = {
    ALLOWED: [
        pass_role("{NodeRole}", "ec2.amazonaws.com"),
        *on_key(*USES_OF_DISKS),
        *on_key("CreateGrant", **FOR_AWS),
    ],
    REFUSED: [
        *on_key(*USES_OF_DISKS, key="other"),
        *on_key("CreateGrant", key="other", **FOR_AWS),
        *on_key("CreateGrant", **{"kms:GrantIsForAWSResource": "false"}),
        *on_key("ScheduleKeyDeletion", "PutKeyPolicy"),
        pass_role("{AirflowRole}", "ec2.amazonaws.com"),
        pass_role("{NodeRole}", "lambda.amazonaws.com"),
        *on_objects("GetObject", PHOTO),
    ],
    FORBIDDEN: PHOTOS_AND_HTTP,
}

DESCRIBE = ("InstanceTypeOfferings", "Subnets", "Vpcs", "SecurityGroups")
ROLES = f"arn:aws:iam::{ACCOUNT}:role"
PERSON = {
    ALLOWED: [
        *on_bucket("ListBucket", "GetBucketVersioning", "GetEncryptionConfiguration", "GetBucketPublicAccessBlock"),
        *on_objects("GetObject", *ARTIFACTS),
        *on_key("Decrypt"),
        *(
            Request("iam:GetRole", f"{ROLES}/{name}")
            for name in ("{ServiceRole}", "{NodeRole}", "aws-service-role/a/B")
        ),
        Request("iam:GetInstanceProfile", f"arn:aws:iam::{ACCOUNT}:instance-profile/{{NodeRole}}"),
        Request("iam:SimulatePrincipalPolicy", f"{ROLES}/{{NodeRole}}"),
        *(Request(f"ec2:Describe{kind}", "*") for kind in DESCRIBE),
        Request("elasticmapreduce:ListReleaseLabels", "*"),
        Request("servicequotas:GetServiceQuota", "*"),
    ],
    REFUSED: [
        *on_objects("GetObject", PHOTO, PUBLISHED),
        *on_bucket("PutBucketVersioning", "PutEncryptionConfiguration", "DeleteBucket"),
        *on_key("Decrypt", key="other"),
        *OTHER_BUCKET,
        *(Request(f"iam:{name}", f"{ROLES}/other") for name in ("GetRole", "SimulatePrincipalPolicy", "PassRole")),
        Request("iam:GetInstanceProfile", f"arn:aws:iam::{ACCOUNT}:instance-profile/other"),
        launch(OWN_TAGS),
    ],
    FORBIDDEN: on_objects("GetObject", *ARTIFACTS, tls="false"),
}
"""Whoever has the policy of `python -m verger.deployment_check` and no other."""

EXPECTED = {"AirflowRole": AIRFLOW, "NodeRole": NODES, "ServiceRole": SERVICE, "DeploymentCheckPolicy": PERSON}
CASES = [
    (role, request, expected)
    for role, expectations in EXPECTED.items()
    for expected, requests in expectations.items()
    for request in requests
]


NAMED = ("AirflowRole", "NodeRole", "ServiceRole", "Key", "Topic")
"""Resources of the stack that a case names as `{NodeRole}`."""


@pytest.fixture(scope="module")
def results(stack: Stack) -> list[str]:
    """The decision about each case."""
    names = {name: stack.name(name) for name in NAMED}
    found = []
    for role, case, _ in CASES:
        request = Request(case.action, case.resource.format(**names), case.context)
        found.append(policies_of(stack, role, request).decision(with_context(role, request)))
    return found


def policies_of(stack: Stack, role: str, request: Request) -> Policies:
    """Return all policies that decide about a request of a role."""
    of_resource = None
    if request.resource.startswith(ARN):
        of_resource = stack.properties("BucketPolicy")["PolicyDocument"]
    elif request.action.startswith("kms:"):
        of_resource = stack.properties("Key")["KeyPolicy"]
    return Policies(
        f"{ROLES}/{stack.name(role)}",
        stack.policies(role),
        of_resource,
        stack.properties("S3Endpoint")["PolicyDocument"] if is_by_endpoint(role, request) else None,
    )


def with_context(role: str, request: Request) -> Request:
    """Return the request with the condition keys that AWS adds."""
    added = {"aws:PrincipalAccount": ACCOUNT} if is_by_endpoint(role, request) else {}
    return Request(request.action, request.resource, {**request.context, **added})


def is_by_endpoint(role: str, request: Request) -> bool:
    """Nodes reach the bucket by the endpoint only. Their own policies refuse other buckets without its help."""
    return role == "NodeRole" and request.resource.startswith(ARN)


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
        ("GetObject", f"arn:aws:s3:::aws157-instance-data-0-prod-{REGION}/a", "999999999999", ALLOWED),
        ("PutObject", f"arn:aws:s3:::aws157-logs-prod-{REGION}/a", "999999999999", ALLOWED),
        ("PutObject", f"arn:aws:s3:::al2023-repos-{REGION}-de612dc2/a", ACCOUNT, REFUSED),
    ],
)
def test_the_endpoint_of_s3_leads_only_to_the_bucket_and_the_repositories(
    stack: Stack, action: str, resource: str, account: str, expected: str
) -> None:
    of_endpoint = stack.properties("S3Endpoint")["PolicyDocument"]
    policies = Policies(f"{ROLES}/any", [ALL], endpoint=of_endpoint)
    request = Request(f"s3:{action}", resource, TLS | {"aws:PrincipalAccount": account})
    assert policies.decision(request) == expected
