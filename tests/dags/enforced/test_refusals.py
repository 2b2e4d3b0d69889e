"""What the policies refuse, requested by the real clients: boto3, and obstore on a node."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local_aws.iam.account import ADMINISTRATOR, AIRFLOW, CHECKER, NODES, SERVICE
from local_aws.node.folder import instance_environment
from tests.dags.enforced.runs import BUCKET, EnforcedStack
from tests.places import ROOT, environment_python
from verger.emr.requests import cluster
from verger.settings import Settings

PHOTO, OTHER = "images/Kiwi/protected.jpg", "someone-else"


@pytest.fixture(scope="module")
def protected(enforced: EnforcedStack) -> Iterator[EnforcedStack]:
    """The stack with a photo, and with a bucket of someone else."""
    s3 = enforced.client("s3", ADMINISTRATOR)
    s3.put_object(Bucket=BUCKET, Key=PHOTO, Body=b"photo")
    s3.create_bucket(Bucket=OTHER)
    s3.put_object(Bucket=OTHER, Key=PHOTO, Body=b"photo")
    yield enforced
    for version in s3.list_object_versions(Bucket=BUCKET, Prefix=PHOTO).get("Versions", ()):
        s3.delete_object(Bucket=BUCKET, Key=PHOTO, VersionId=version["VersionId"])


def refused(call: Callable[[], Any], code: str = "AccessDenied") -> str:
    """Check that a request is refused, and return the message."""
    with pytest.raises(ClientError) as error:
        call()
    found = error.value.response
    assert (found["Error"]["Code"], found["ResponseMetadata"]["HTTPStatusCode"]) == (
        code,
        400 if code.endswith("Exception") else 403,
    )
    return str(found["Error"]["Message"])


@pytest.mark.parametrize("role", [AIRFLOW, NODES, SERVICE])
def test_no_role_deletes_or_writes_a_photo(protected: EnforcedStack, role: str) -> None:
    s3 = protected.client("s3", role)
    (version,) = protected.client("s3", ADMINISTRATOR).list_object_versions(Bucket=BUCKET, Prefix=PHOTO)["Versions"]
    message = refused(lambda: s3.delete_object(Bucket=BUCKET, Key=PHOTO))
    assert "is not authorized to perform: s3:DeleteObject" in message
    assert "with an explicit deny" in message
    refused(lambda: s3.delete_object(Bucket=BUCKET, Key=PHOTO, VersionId=version["VersionId"]))
    refused(lambda: s3.put_object(Bucket=BUCKET, Key=PHOTO, Body=b""))
    refused(lambda: s3.create_multipart_upload(Bucket=BUCKET, Key=PHOTO))
    refused(lambda: s3.copy_object(Bucket=BUCKET, Key=PHOTO, CopySource=f"{BUCKET}/published.json"))
    answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": PHOTO}], "Quiet": True})
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [(PHOTO, "AccessDenied")]
    assert protected.client("s3", ADMINISTRATOR).get_object(Bucket=BUCKET, Key=PHOTO)["Body"].read() == b"photo"


@pytest.mark.parametrize("role", [AIRFLOW, NODES, SERVICE])
def test_no_role_reads_or_lists_another_bucket(protected: EnforcedStack, role: str) -> None:
    s3 = protected.client("s3", role)
    refused(lambda: s3.get_object(Bucket=OTHER, Key=PHOTO))
    refused(lambda: s3.list_objects_v2(Bucket=OTHER))
    refused(lambda: s3.copy_object(Bucket=BUCKET, Key="runs/copied", CopySource=f"{OTHER}/{PHOTO}"))


@pytest.mark.parametrize("role", [AIRFLOW, NODES, CHECKER])
def test_no_principal_may_use_plain_http(protected: EnforcedStack, role: str) -> None:
    keys = protected.stack.environment(role)
    plain = boto3.client(
        "s3",
        endpoint_url=f"http://{protected.stack.settings.host}:{protected.stack.settings.plain_gateway_port}",
        region_name=keys["AWS_REGION"],
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=keys.get("AWS_SESSION_TOKEN"),
        config=Config(s3={"addressing_style": "path"}),
    )
    assert "with an explicit deny" in refused(lambda: plain.list_objects_v2(Bucket=BUCKET))
    refused(lambda: plain.get_object(Bucket=BUCKET, Key="artifacts/none"))


ON_NODE = """
import json, sys
sys.path[:0] = ["spark_jobs", "plugins"]
import obstore
from verger_spark.io.s3_store import s3_store
store, refused = s3_store("BUCKET"), {}
for name, call in {
    "published.json": lambda: obstore.put(store, "published.json", b"{}"),
    "photo": lambda: obstore.put(store, "PHOTO", b"{}"),
    "deleted photo": lambda: obstore.delete(store, "PHOTO"),
    "artifacts": lambda: obstore.put(store, "artifacts/0/featurize.py", b""),
    "plan": lambda: obstore.put(store, "runs/r/plan.json", b"{}"),
    "metrics": lambda: obstore.put(store, "runs/r/featurize.json", b"{}"),
    "other bucket": lambda: obstore.get(s3_store("OTHER"), "PHOTO"),
}.items():
    try:
        call()
        refused[name] = ""
    except Exception as error:
        refused[name] = f"{type(error).__name__}: {error}"
print(json.dumps(refused))
"""


def test_a_node_writes_no_publication_no_artifact_and_no_photo_by_obstore(protected: EnforcedStack) -> None:
    program = ON_NODE.replace("BUCKET", BUCKET).replace("PHOTO", PHOTO).replace("OTHER", OTHER)
    environment = {"PATH": "/usr/bin:/bin", **instance_environment(protected.stack.settings)}
    done = subprocess.run(
        [str(environment_python("dev")), "-c", program],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("metrics") == ""
    assert [name for name, error in found.items() if "AccessDenied" not in error and "403" not in error] == []
    protected.client("s3", AIRFLOW).delete_object(Bucket=BUCKET, Key="runs/r/featurize.json")


def launch(enforced: EnforcedStack) -> dict[str, Any]:
    """Return the RunJobFlow request of a run, without steps and bootstrap actions."""
    settings = Settings.from_environment(dict(enforced.account.settings))
    made = cluster(settings, dag_id="d", run_id="r", artifacts=f"s3://{BUCKET}/artifacts/0", environment="/opt")
    return {name: value for name, value in made.items() if name != "BootstrapActions"}


def changed_tag(request: dict[str, Any], key: str, value: str | None) -> dict[str, Any]:
    """Return a request with another value of a tag, or without it."""
    others = [tag for tag in request["Tags"] if tag["Key"] != key]
    return request | {"Tags": others + ([{"Key": key, "Value": value}] if value else [])}


@pytest.mark.parametrize(
    ("key", "value"),
    [("verger", None), ("verger", "other"), ("verger:deployment", None), ("verger:deployment", "other")],
)
def test_airflow_launches_no_cluster_without_its_tags(enforced: EnforcedStack, key: str, value: str | None) -> None:
    emr = enforced.client("emr", AIRFLOW)
    message = refused(lambda: emr.run_job_flow(**changed_tag(launch(enforced), key, value)), "AccessDeniedException")
    assert "is not authorized to perform: elasticmapreduce:" in message


@pytest.mark.parametrize("member", ["ServiceRole", "JobFlowRole"])
def test_airflow_passes_no_other_role(enforced: EnforcedStack, member: str) -> None:
    emr = enforced.client("emr", AIRFLOW)
    for other in ("EMR_DefaultRole", enforced.account.principals[AIRFLOW].arn):
        request = launch(enforced) | {member: other}
        message = refused(partial(emr.run_job_flow, **request), DENIED_BY_EMR)
        assert "is not authorized to perform: iam:PassRole" in message


DENIED_BY_EMR = "AccessDeniedException"


@pytest.mark.parametrize("tags", [{}, {"verger": "cluster"}, {"verger": "cluster", "verger:deployment": "other"}])
def test_airflow_changes_no_foreign_cluster(enforced: EnforcedStack, tags: dict[str, str]) -> None:
    owner, emr = enforced.client("emr", ADMINISTRATOR), enforced.client("emr", AIRFLOW)
    request = launch(enforced) | {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    foreign = owner.run_job_flow(**request)["JobFlowId"]
    try:
        refused(lambda: emr.terminate_job_flows(JobFlowIds=[foreign]), DENIED_BY_EMR)
        refused(lambda: emr.add_job_flow_steps(JobFlowId=foreign, Steps=[STEP]), DENIED_BY_EMR)
        refused(
            lambda: emr.add_tags(ResourceId=foreign, Tags=[{"Key": "verger:deployment", "Value": BUCKET}]),
            DENIED_BY_EMR,
        )
        if "verger" not in tags:
            refused(lambda: emr.describe_cluster(ClusterId=foreign), DENIED_BY_EMR)
    finally:
        owner.terminate_job_flows(JobFlowIds=[foreign])


STEP: Any = {"Name": "s", "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["true"]}}


@pytest.mark.parametrize("role", [NODES, SERVICE, CHECKER])
def test_only_airflow_uses_emr(enforced: EnforcedStack, role: str) -> None:
    emr = enforced.client("emr", role)
    refused(emr.list_clusters, DENIED_BY_EMR)
    refused(lambda: emr.run_job_flow(**launch(enforced)), DENIED_BY_EMR)


@pytest.mark.parametrize("role", [NODES, SERVICE])
def test_airflow_assumes_no_other_role(enforced: EnforcedStack, role: str) -> None:
    keys = enforced.airflow
    sts = boto3.client(
        "sts",
        endpoint_url=keys["AWS_ENDPOINT_URL_STS"],
        region_name=keys["AWS_REGION"],
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )
    arn = enforced.account.principals[role].arn
    assert "sts:AssumeRole" in refused(lambda: sts.assume_role(RoleArn=arn, RoleSessionName="session"))


def test_a_request_without_a_valid_signature_is_refused(protected: EnforcedStack) -> None:
    keys = protected.stack.environment(AIRFLOW)

    def client(**changed: str) -> Any:
        given = {
            "aws_access_key_id": keys["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": keys["AWS_SECRET_ACCESS_KEY"],
            "aws_session_token": keys["AWS_SESSION_TOKEN"],
        }
        address = {"endpoint_url": keys["AWS_ENDPOINT_URL_S3"], "region_name": keys["AWS_REGION"]}
        make: Any = boto3.client
        return make("s3", **{**address, **given, **changed})

    def get(s3: Any) -> Any:
        return s3.get_object(Bucket=BUCKET, Key=PHOTO)

    assert get(client())["Body"].read() == b"photo"
    refused(lambda: get(client(aws_secret_access_key="other")), "SignatureDoesNotMatch")
    refused(lambda: get(client(aws_access_key_id="AKIAUNKNOWN")), "InvalidAccessKeyId")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"{keys['AWS_ENDPOINT_URL_S3']}/{BUCKET}/{PHOTO}")  # noqa: S310 (loopback)
    assert error.value.code == 403


def test_the_metadata_service_answers_with_a_token_and_its_secret_path_only(enforced: EnforcedStack) -> None:
    address = instance_environment(enforced.stack.settings)["AWS_EC2_METADATA_SERVICE_ENDPOINT"]
    path = "latest/meta-data/iam/security-credentials/"
    root = address.rpartition("/")[0]
    for url in (f"{address}/{path}", f"{root}/{path}", f"{root}/container"):
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(url)  # noqa: S310 (loopback)
        assert error.value.code == 401
