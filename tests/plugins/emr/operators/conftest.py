"""Clusters for the operators, on the real local EMR; every one is terminated after its test."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from airflow.providers.amazon.aws.hooks.emr import EmrHook
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import BaseTrigger

from tests.plugins.snapshots import put_data, snapshot
from verger.clock import now
from verger.emr import requests
from verger.emr.operators.create_cluster import CreateCluster
from verger.publication.commit import begin, publish
from verger.settings import Settings
from verger_contract.keys import Run

NewCluster = Callable[[dict[str, Any]], CreateCluster]
PLACE: dict[str, Any] = {"aws_conn_id": "aws_default", "region_name": "eu-west-3"}


class RecordingTaskInstance:
    """Takes what an operator pushes; there is no Airflow run around these tests."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.fixture
def context() -> dict[str, Any]:
    instance = RecordingTaskInstance()
    return {"ti": instance, "task_instance": instance}


@pytest.fixture
def emr(stack: object) -> Iterator[Any]:
    """A boto3 client of EMR; terminates what is left afterwards."""
    client = EmrHook(**PLACE).conn
    yield client
    living = client.list_clusters(ClusterStates=["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"])["Clusters"]
    if living:
        client.terminate_job_flows(JobFlowIds=[cluster["Id"] for cluster in living])


@pytest.fixture
def overrides(settings: Settings) -> dict[str, Any]:
    """The pipeline's own request, less the bootstrap action, which has tests of its own."""
    request = requests.cluster(
        settings, dag_id="fruit_features", run_id="run-1", artifacts="s3://orchard/artifacts/0", environment="/opt/v/0"
    )
    return request | {"BootstrapActions": []}


@pytest.fixture
def guard(settings: Settings, client: Any) -> dict[str, Any]:
    """What the operators need that first make sure that the run, which has begun, may still publish."""
    begin(client, Run(settings.storage.bucket, "run-1"), now())
    return {"storage": settings.storage, "verger_run": "run-1"}


@pytest.fixture
def published(guard: dict[str, Any], client: Any, bucket: str) -> None:
    """The run of the guard is the published one."""
    run = guard["verger_run"]
    put_data(client, bucket, snapshot(run))
    publish(client, Run(bucket, run), snapshot(run), None)


@pytest.fixture
def new_cluster(guard: dict[str, Any]) -> NewCluster:
    """Makes the task of a request."""

    def make(request: dict[str, Any]) -> CreateCluster:
        return CreateCluster(task_id="create_cluster", emr_conn_id=None, job_flow_overrides=request, **guard, **PLACE)

    return make


@pytest.fixture
def create(new_cluster: NewCluster, overrides: dict[str, Any]) -> CreateCluster:
    return new_cluster(overrides)


@pytest.fixture
def cluster(create: CreateCluster, context: Any, emr: Any) -> str:
    """A cluster that is ready."""
    job_flow_id = str(create.execute(context))
    wait_for(lambda: emr.describe_cluster(ClusterId=job_flow_id)["Cluster"]["Status"]["State"] == "WAITING")
    return job_flow_id


def command_step(name: str, *words: str) -> dict[str, Any]:
    return {
        "Name": name,
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": list(words)},
    }


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


def step_state(emr: Any, cluster: str, step: str) -> str:
    return str(emr.describe_step(ClusterId=cluster, StepId=step)["Step"]["Status"]["State"])


def deferred_trigger(execute: Callable[[Any], Any], context: Any) -> BaseTrigger:
    """The trigger that the task defers to, as the triggerer makes it: from its serialized form."""
    with pytest.raises(TaskDeferred) as deferred:
        execute(context)
    path, arguments = deferred.value.trigger.serialize()
    module, _, name = path.rpartition(".")
    made: BaseTrigger = getattr(importlib.import_module(module), name)(**arguments)
    return made


def fire(trigger: BaseTrigger) -> dict[str, Any]:
    """Run the trigger to its event."""

    async def first() -> Any:
        async for event in trigger.run():
            return event.payload
        raise AssertionError("the trigger ended without an event")

    return dict(asyncio.run(first()))
