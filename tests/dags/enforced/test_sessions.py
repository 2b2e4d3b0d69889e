"""Temporary credentials that end while a client is in use, and that have ended."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local_aws.iam.account import AIRFLOW, CHECKER, NODES
from local_aws.iam.sessions import LEEWAY_S
from tests.dags.enforced.conftest import SESSION_S, Runs
from tests.dags.enforced.runs import BUCKET, EnforcedStack
from tests.places import of_long_form

if TYPE_CHECKING:
    from collections.abc import Mapping

NO_SERVER = "http://127.0.0.1:9"
ENDED_S = SESSION_S + LEEWAY_S + 1


def client_of(keys: Mapping[str, str], service: str) -> Any:
    """Return a boto3 client with credentials that it does not renew."""
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=keys[f"AWS_ENDPOINT_URL_{service.upper()}"],
        region_name=keys["AWS_REGION"],
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=keys["AWS_SESSION_TOKEN"],
    )


def test_ended_credentials_are_refused_by_s3_and_emr(enforced: EnforcedStack) -> None:
    nodes, airflow = (enforced.stack.environment(role) for role in (NODES, AIRFLOW))
    s3, emr = client_of(nodes, "s3"), client_of(airflow, "emr")
    s3.list_objects_v2(Bucket=BUCKET, MaxKeys=1)
    emr.list_clusters()
    time.sleep(ENDED_S)
    with pytest.raises(ClientError) as error:
        s3.list_objects_v2(Bucket=BUCKET, MaxKeys=1)
    found = error.value.response
    assert (found["Error"]["Code"], found["ResponseMetadata"]["HTTPStatusCode"]) == ("ExpiredToken", 400)
    with pytest.raises(ClientError) as error:
        emr.list_clusters()
    assert error.value.response["Error"]["Code"] == "ExpiredTokenException"


@of_long_form
def test_the_page_of_verger_survives_the_end_of_its_credentials(runs: Runs) -> None:
    run = runs.published["second"]["run"]
    pages = ["/", f"/runs/{run}", f"/runs/{run}/report", f"/runs/{run}/steps/featurize"]
    done = runs.enforced.command("tests.dags.enforced.page_requests", str(ENDED_S), *pages)
    assert done.returncode == 0, done.stdout
    answers = json.loads(done.stdout.splitlines()[-1])
    assert [answer["status"] for answer in answers] == [200] * len(pages), done.stdout[-3000:]
    assert run in answers[0]["text"]
    assert str(runs.published["second"]["photos"]) in answers[1]["text"]


@of_long_form
def test_the_deployment_check_looks_at_bucket_and_emr_with_its_policy(runs: Runs) -> None:
    """local_aws has no IAM, EC2 and quotas: these checks get no answer. tests/infra has them, in moto."""
    nowhere = dict.fromkeys((f"AWS_ENDPOINT_URL_{name}" for name in ("IAM", "EC2", "SERVICE_QUOTAS")), NO_SERVER)
    checker = runs.enforced.stack.environment(CHECKER) | {"AIRFLOW_CONN_AWS_DEFAULT": "aws://"}
    done = runs.enforced.command("verger.deployment_check", **checker, **nowhere)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("ok ", "problem ", "unknown "))]
    seen = {line.partition(":")[0].split(maxsplit=1)[1]: line.split()[0] for line in lines}
    assert {name for name, state in seen.items() if state == "ok"} == {
        *(f"bucket {BUCKET}", "encryption", "public access", "versions", "photos", "artifact set", "EMR release"),
    }, done.stdout
    assert "problem" not in seen.values(), done.stdout
    assert done.returncode == 0
