"""Clusters for the tests of the operators, on the local EMR. Each cluster is terminated after its test."""

from __future__ import annotations

import asyncio
import importlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import BaseTrigger

from local_aws.faults.proxy import FaultProxy
from tests.plugins.snapshots import put_data, snapshot
from verger.clock import now
from verger.emr import requests
from verger.emr.hook import ACTIVE_CLUSTER, IdempotentEmrHook
from verger.emr.operators.add_step import AddStep
from verger.emr.operators.cluster_ready import ClusterReady
from verger.emr.operators.create_cluster import CreateCluster
from verger.emr.operators.step_done import StepDone
from verger.publication.commit import publish, start_run
from verger.settings import Settings
from verger_contract.keys import Run

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client

NewCluster = Callable[[dict[str, Any]], CreateCluster]
Add = Callable[..., AddStep]
SlowCluster = Callable[[str, Any], str]
Ready = Callable[..., ClusterReady]
Done = Callable[..., StepDone]
DEFERRED = Path(tempfile.gettempdir()) / f"verger-deferred-{os.getpid()}"
"""It exists after `deferred_trigger`. The steps of `step_after_deferral` wait for it."""
CONNECTION: dict[str, Any] = {"aws_conn_id": "aws_default", "region_name": "eu-west-3"}


class RecordingTaskInstance:
    """Stores the XComs that an operator pushes; these tests run without Airflow's scheduler."""

    try_number = 1

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.fixture
def context() -> dict[str, Any]:
    instance = RecordingTaskInstance()
    return {"ti": instance, "task_instance": instance}


@pytest.fixture
def emr(stack: object) -> Iterator[EMRClient]:
    """Yield a boto3 client of EMR; terminate the clusters that the test left."""
    client = IdempotentEmrHook(**CONNECTION).emr_client
    yield client
    active = client.list_clusters(ClusterStates=ACTIVE_CLUSTER)["Clusters"]
    if active:
        client.terminate_job_flows(JobFlowIds=[cluster["Id"] for cluster in active])


@pytest.fixture
def faulty_emr(emr: EMRClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """Put a proxy before EMR. Operators use it; the client `emr`, which exists already, does not."""
    with FaultProxy(os.environ["AWS_ENDPOINT_URL_EMR"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_EMR", proxy.url)
        yield proxy


@pytest.fixture
def overrides(settings: Settings) -> dict[str, Any]:
    """Return the pipeline's request without its bootstrap action, which other tests cover."""
    request = requests.cluster(
        settings, dag_id="fruit_features", run_id="run-1", artifacts="s3://orchard/artifacts/0", environment="/opt/v/0"
    )
    return request | {"BootstrapActions": []}


@pytest.fixture
def guard(settings: Settings, client: S3Client) -> dict[str, Any]:
    """Return the arguments of CheckRunIsUnpublished for a run that has started."""
    start_run(client, Run(settings.storage.bucket, "run-1"), now())
    return {"storage": settings.storage, "verger_run": "run-1"}


@pytest.fixture
def published(guard: dict[str, Any], client: S3Client, bucket: str) -> None:
    """Publish the run of the guard."""
    run = guard["verger_run"]
    put_data(client, bucket, snapshot(run))
    publish(client, Run(bucket, run), snapshot(run), None)


@pytest.fixture
def new_cluster(guard: dict[str, Any]) -> NewCluster:
    """Return a function that makes the task of a request."""

    def make(request: dict[str, Any]) -> CreateCluster:
        return CreateCluster(
            task_id="create_cluster", emr_conn_id=None, job_flow_overrides=request, **guard, **CONNECTION
        )

    return make


def script(client: S3Client, settings: Settings, text: str) -> list[dict[str, Any]]:
    client.put_object(Bucket=settings.storage.bucket, Key="bootstrap.sh", Body=text.encode())
    path = f"s3://{settings.storage.bucket}/bootstrap.sh"
    return [{"Name": "script", "ScriptBootstrapAction": {"Path": path, "Args": []}}]


@pytest.fixture
def slow_cluster(
    new_cluster: NewCluster, overrides: dict[str, Any], settings: Settings, client: S3Client
) -> SlowCluster:
    """Return a function that launches a cluster with a script as its bootstrap action."""

    def launch(text: str, context: Any) -> str:
        return str(new_cluster(overrides | {"BootstrapActions": script(client, settings, text)}).execute(context))

    return launch


@pytest.fixture
def create(new_cluster: NewCluster, overrides: dict[str, Any]) -> CreateCluster:
    return new_cluster(overrides)


@pytest.fixture
def cluster(create: CreateCluster, context: Any, emr: EMRClient) -> str:
    """Return the id of a cluster that is WAITING."""
    job_flow_id = str(create.execute(context))
    wait_for(lambda: emr.describe_cluster(ClusterId=job_flow_id)["Cluster"]["Status"]["State"] == "WAITING")
    return job_flow_id


@pytest.fixture
def add(guard: dict[str, Any], overrides: dict[str, Any]) -> Add:
    """Return a function that makes the task which submits steps to a cluster."""

    def make(cluster: str, *steps: dict[str, Any], retries: int = 0) -> AddStep:
        return AddStep(
            task_id="featurize",
            job_flow_id=cluster,
            cluster_request=overrides,
            cluster_retries=retries,
            steps=list(steps),
            **guard,
            **CONNECTION,
        )

    return make


@pytest.fixture
def ready(guard: dict[str, Any], overrides: dict[str, Any]) -> Ready:
    """Return a function that makes the task which waits for a cluster."""

    def make(cluster: str, retries: int = 0) -> ClusterReady:
        return ClusterReady(
            task_id="ready",
            job_flow_id=cluster,
            cluster_request=overrides,
            cluster_retries=retries,
            poke_interval=1,
            max_attempts=60,
            outage_seconds=60,
            **guard,
            **CONNECTION,
        )

    return make


@pytest.fixture
def done(guard: dict[str, Any], overrides: dict[str, Any], settings: Settings) -> Done:
    """Return a function that makes the task which waits for a step of a cluster, without retries of the step.

    `retries` are those of the cluster.
    """

    def make(cluster: str, step_id: str, request: dict[str, Any], retries: int = 0) -> StepDone:
        return StepDone(
            task_id="featurize_done",
            job_flow_id=cluster,
            step_id=step_id,
            settings=replace(settings, schedule=replace(settings.schedule, step_retries=0)),
            step="featurize",
            request=request,
            cluster_request=overrides,
            cluster_retries=retries,
            verger_run=guard["verger_run"],
            poke_interval=1,
            max_attempts=60,
            **CONNECTION,
        )

    return make


def command_step(name: str, *words: str) -> dict[str, Any]:
    return {
        "Name": name,
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": list(words)},
    }


def step_after_deferral(name: str, *, then: str = "true") -> dict[str, Any]:
    """Return a step that runs a shell command after `deferred_trigger`: on a slow machine, too, it still runs then."""
    return command_step(name, "bash", "-c", f"until [ -e {DEFERRED} ]; do sleep 0.1; done; {then}")


@pytest.fixture(autouse=True)
def not_deferred() -> Iterator[None]:
    """Let each test begin, and end, without the file for which `step_after_deferral` waits."""
    DEFERRED.unlink(missing_ok=True)
    yield
    DEFERRED.unlink(missing_ok=True)


def wait_for(condition: Callable[[], bool], seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not true after {seconds} s"
        time.sleep(0.2)


def step_state(emr: EMRClient, cluster: str, step: str) -> str:
    return str(emr.describe_step(ClusterId=cluster, StepId=step)["Step"]["Status"]["State"])


def deferred_trigger(execute: Callable[[Any], Any], context: Any) -> BaseTrigger:
    """Return the trigger of the deferral, built from its serialized form as the triggerer does."""
    DEFERRED.unlink(missing_ok=True)
    with pytest.raises(TaskDeferred) as deferred:
        execute(context)
    DEFERRED.touch()
    path, arguments = deferred.value.trigger.serialize()
    module, _, name = path.rpartition(".")
    made: BaseTrigger = getattr(importlib.import_module(module), name)(**arguments)
    return made


def fire(trigger: BaseTrigger) -> dict[str, Any]:
    """Run the trigger and return its event."""

    async def first() -> Any:
        async for event in trigger.run():
            return event.payload
        raise AssertionError("the trigger ended without an event")

    return dict(asyncio.run(first()))
