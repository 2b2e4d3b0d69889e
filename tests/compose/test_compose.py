"""`docker-compose up --build` from a fresh clone: healthy services, a published run, and the same data after a restart.

The tests are skipped without a Docker daemon.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import urllib3
from botocore.config import Config

from development.running import DAG_ID, Running, request_json
from tests.compose.project import BUCKET, PHOTOS, RUNNING, Project, compose_command

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Time to wait for Docker when the environment has DOCKER_WILL_COME: another process is starting it.
DOCKER_STARTS_S = 900
#: A run takes two minutes. Other suites may use both cores at the same time.
RUN_S = 1200


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    command = compose_command(DOCKER_STARTS_S if os.environ.get("DOCKER_WILL_COME") else 0)
    if not command:
        assert "DOCKER_WILL_COME" not in os.environ, f"Docker has not started within {DOCKER_STARTS_S} s"
        pytest.skip("needs Docker and docker-compose: `docker info` or `docker-compose version` failed")
    made = Project(tmp_path_factory.mktemp("clone"), f"verger-test-{uuid.uuid4().hex[:8]}", command)
    made.clone()
    try:
        made.up("--build")
        yield made
    finally:
        made.run("down", "-v", "--remove-orphans", check=False)


@pytest.fixture(scope="module")
def stack(project: Project) -> Running:
    return project.client()


@pytest.fixture(scope="module")
def s3(stack: Running) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=stack.aws["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=stack.aws["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=stack.aws["AWS_SECRET_ACCESS_KEY"],
        region_name="eu-west-3",
        config=Config(s3={"addressing_style": "path"}),
    )


@pytest.fixture(scope="module")
def run(project: Project, stack: Running) -> str:
    """The Airflow id of a run that has succeeded."""
    started = stack.trigger()
    state = stack.wait(started, RUN_S)
    assert state == "success", f"{stack.tasks(started)}\n{project.logs('scheduler', 'triggerer', 'local-aws')}"
    return started


def contents(s3: S3Client) -> dict[str, Any]:
    """Return the publication, and the ETags of the photos."""
    published = json.loads(s3.get_object(Bucket=BUCKET, Key="published.json")["Body"].read())
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="images/")["Contents"]
    return {"published": published, "photos": {item["Key"]: item["ETag"] for item in listed}}


def test_every_service_is_healthy_and_confined(project: Project) -> None:
    for service in RUNNING:
        assert project.inside(service, "id", "-u").strip() != "0", service
        host = project.inspect(service)["HostConfig"]
        assert host["CapDrop"] == ["ALL"], service
        assert not host["CapAdd"], service
        assert "no-new-privileges:true" in host["SecurityOpt"], service
        assert host["ReadonlyRootfs"], service
        assert not host["Privileged"], service
        assert not [bind for bind in host["Binds"] if "docker.sock" in bind], service
        for published in filter(None, (host["PortBindings"] or {}).values()):
            assert {port["HostIp"] for port in published} == {"127.0.0.1"}, service


def test_a_run_triggered_by_the_api_publishes(stack: Running, run: str, s3: S3Client) -> None:
    found = contents(s3)
    published = found["published"]
    assert published["photos"] == len(found["photos"]) == PHOTOS
    for table in published["pca"]:
        assert s3.list_objects_v2(Bucket=BUCKET, Prefix=f"pca/run={table['run']}/")["Contents"]
    names = {run["dag_run_id"]: run["state"] for run in stack.get(f"dags/{DAG_ID}/dagRuns")["dag_runs"]}
    assert names == {run: "success"}


def test_the_page_shows_the_run(stack: Running, run: str, s3: S3Client) -> None:
    published = contents(s3)["published"]
    address, token = f"{stack.url}/verger/", {"Authorization": f"Bearer {stack.token()}"}
    page = urllib3.request("GET", address, headers=token, timeout=30.0)
    assert page.status == 200
    assert f"runs/{published['run']}" in page.data.decode()
    assert urllib3.request("GET", address, timeout=30.0, redirect=False).status == 401, "without a login"


def test_the_history_server_shows_step_1(stack: Running, run: str, s3: S3Client) -> None:
    """Step 2 of so few photos starts no Spark application."""
    published = contents(s3)["published"]["run"]
    metrics = [s3.get_object(Bucket=BUCKET, Key=f"runs/{published}/{step}.json") for step in ("featurize", "pca")]
    applications = [json.loads(answer["Body"].read())["application"] for answer in metrics]
    assert applications[1] == ""
    expected = {applications[0]}
    deadline = time.monotonic() + 300
    while (shown := {found["id"] for found in request_json(f"{stack.history_url}/api/v1/applications")}) != expected:
        assert time.monotonic() < deadline, f"shown: {shown}, expected {expected}"
        time.sleep(1)


def test_an_edit_of_the_steps_makes_a_new_artifact_set(project: Project) -> None:
    link = ("readlink", "/var/lib/verger/artifacts/current")
    before = project.inside("artifacts", *link)
    step = project.folder / "spark_jobs" / "featurize.py"
    original = step.read_text()
    step.write_text(f"{original}# edited\n")
    deadline = time.monotonic() + 300
    while project.inside("artifacts", *link) == before:
        assert time.monotonic() < deadline, project.logs("artifacts")
        time.sleep(0.5)
    step.write_text(original)


def test_a_restart_keeps_runs_photos_and_publication(project: Project, stack: Running, run: str, s3: S3Client) -> None:
    before = contents(s3)
    project.run("down")
    project.up()
    assert project.client() == stack, "the same password, the same credentials"
    assert stack.get(f"dags/{DAG_ID}/dagRuns/{run}")["state"] == "success"
    assert contents(s3) == before
