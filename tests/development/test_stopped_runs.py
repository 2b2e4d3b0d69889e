"""Runs that a user stops or marks by hand in a running Airflow: none of them ends as a success.

The tests run with FULL_STOPPED_RUNS=1 in the environment: they take some minutes, and tests/chaos marks a run in every
`make test`. `make chaos ONLY=mark` marks every task of the DAG.
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import boto3
import pytest

from development.running import DAG_ID, TIMEOUT_S, Running
from development.stack import Ports, running
from tests.ports import free_ports

pytestmark = [
    pytest.mark.skipif(not os.environ.get("FULL_STOPPED_RUNS"), reason="minutes; set FULL_STOPPED_RUNS=1"),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    ports = Ports.from_first(free_ports(Ports.COUNT))
    with running(tmp_path_factory.mktemp("stopped"), ports, photos=12) as made:
        yield made


def wait_for(condition: Callable[[], bool], seconds: float = 500) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true after {seconds} s"
        time.sleep(0.5)


def patch(stack: Running, path: str, body: Mapping[str, Any]) -> None:
    request = urllib.request.Request(  # noqa: S310 (servers on loopback)
        f"{stack.url}/api/v2/dags/{DAG_ID}/dagRuns/{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {stack.token()}"},
        method="PATCH",
    )
    urllib.request.urlopen(request, timeout=TIMEOUT_S).close()  # noqa: S310


def started(stack: Running, task: str) -> str:
    """Return a new run whose task has been deferred: it waits for the cluster or for a step."""
    run = stack.trigger()
    wait_for(lambda: stack.tasks(run)[task] == "deferred")
    return run


def client(stack: Running, service: Any) -> Any:
    """Return a boto3 client of a local service."""
    names = {"aws_access_key_id": "AWS_ACCESS_KEY_ID", "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY"}
    credentials: dict[str, Any] = {name: stack.aws[variable] for name, variable in names.items()}
    url = stack.aws[f"AWS_ENDPOINT_URL_{service.upper()}"]
    return boto3.client(service, endpoint_url=url, region_name="eu-west-3", **credentials)


def failure(stack: Running, run: str) -> dict[str, Any]:
    """Return the failure.json of a run."""
    s3 = client(stack, "s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=stack.bucket, Prefix="runs/")["Contents"]]
    (key,) = [key for key in keys if key.endswith("/failure.json") and run[:34].replace(":", "-") in key]
    found: dict[str, Any] = json.loads(s3.get_object(Bucket=stack.bucket, Key=key)["Body"].read())
    return found


def clusters(stack: Running) -> set[str]:
    """Return the states of all clusters."""
    return {cluster["Status"]["State"] for cluster in client(stack, "emr").list_clusters()["Clusters"]}


@pytest.mark.parametrize("state", ["failed", "success"])
@pytest.mark.parametrize("task", ["cluster_ready", "featurize_done"])
def test_a_run_that_is_marked_during_a_wait_fails_and_its_report_says_where_it_was_stopped(
    stack: Running, task: str, state: str
) -> None:
    run = started(stack, task)
    patch(stack, run, {"state": state})
    assert stack.wait(run) == "failed", stack.tasks(run)
    assert stack.tasks(run)["outcome"] == "failed"
    facts = failure(stack, run)
    assert facts["state"] == "stopped"
    assert "; nothing was published; to continue, clear " in facts["failure"]["error"]
    if state == "failed":
        assert facts["failure"]["error"].startswith(f"stopped by hand in {task}; ")
    assert facts["cost"]["node_hours"] > 0
    assert clusters(stack) == {"TERMINATED"}


@pytest.mark.parametrize("downstream", [False, True])
def test_a_waiting_task_that_is_marked_as_success_publishes_nothing_and_the_run_fails(
    stack: Running, downstream: bool
) -> None:
    run = started(stack, "featurize_done")
    patch(stack, f"{run}/taskInstances/featurize_done", {"new_state": "success", "include_downstream": downstream})
    assert stack.wait(run) == "failed", stack.tasks(run)
    error = failure(stack, run)["failure"]["error"]
    assert ("a user marked publish as success" if downstream else "featurize_done was marked as success") in error
    assert clusters(stack) == {"TERMINATED"}
