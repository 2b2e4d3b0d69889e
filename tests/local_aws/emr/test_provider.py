"""The amazon provider's operators, sensors, waiters and triggers work with the local EMR server.

The tests run in the environment that has Airflow. The stack runs in the dev environment, as a separate process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from local_aws.stack import Stack
from tests.local_aws.clusters import BUCKET, request, shell, wait_cluster, wait_step

pytest.importorskip("airflow.providers.amazon", reason="runs where Airflow and its amazon provider are installed")

from airflow.providers.amazon.aws.hooks.emr import EmrHook
from airflow.providers.amazon.aws.operators.emr import (
    EmrAddStepsOperator,
    EmrCreateJobFlowOperator,
    EmrModifyClusterOperator,
    EmrTerminateJobFlowOperator,
)
from airflow.providers.amazon.aws.sensors.emr import EmrJobFlowSensor, EmrStepSensor
from airflow.providers.amazon.aws.triggers.emr import EmrAddStepsTrigger, EmrTerminateJobFlowTrigger
from airflow.sdk.exceptions import AirflowException, TaskDeferred

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_emr.type_defs import StepConfigTypeDef
    from mypy_boto3_s3 import S3Client

CONNECTION: dict[str, Any] = {"aws_conn_id": "aws_default", "region_name": "eu-west-3"}
POLLING: dict[str, Any] = {"waiter_delay": 1, "waiter_max_attempts": 60}


class TaskInstance:
    """Accepts the XComs that an operator pushes; these tests run without Airflow's scheduler."""

    def xcom_push(self, key: str, value: Any) -> None:
        assert key
        assert value is not None


CONTEXT: Any = {"ti": TaskInstance(), "task_instance": TaskInstance()}


@pytest.fixture(autouse=True)
def environment(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Configure the connection by environment variables only, as in production."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def job_flow(emr: EMRClient) -> Iterator[str]:
    """Yield the id of a cluster that the provider's operator created. The operator does not wait for it."""
    made = create(keep_alive=True)
    yield made
    emr.terminate_job_flows(JobFlowIds=[made])


def create(*steps: StepConfigTypeDef, keep_alive: bool = False, more: Any = None, **options: Any) -> str:
    overrides = request("provider", *steps, keep_alive=keep_alive, **(more or {}))
    operator = EmrCreateJobFlowOperator(
        task_id="create", emr_conn_id=None, job_flow_overrides=overrides, **{**CONNECTION, **options}
    )
    return str(complete(operator))


def complete(task: Any) -> Any:
    """Run a task as Airflow does: `execute`; after a deferral the trigger, and then the method that the task named."""
    try:
        return task.execute(CONTEXT)
    except TaskDeferred as deferred:
        event = asyncio.run(first_event(deferred.trigger))
        return getattr(task, deferred.method_name)(CONTEXT, event)


async def first_event(trigger: Any) -> Any:
    async for event in trigger.run():
        return event.payload
    raise AssertionError("the trigger ended without an event")


def add(job_flow: str, *steps: StepConfigTypeDef, **options: Any) -> list[str]:
    operator = EmrAddStepsOperator(
        task_id="add", job_flow_id=job_flow, steps=[dict(step) for step in steps], **{**CONNECTION, **options}
    )
    return list(complete(operator))


@pytest.mark.parametrize("deferrable", [False, True])
def test_create_waits_until_the_cluster_is_up(emr: EMRClient, deferrable: bool) -> None:
    made = create(keep_alive=True, deferrable=deferrable, wait_for_completion=True, **POLLING)
    assert emr.describe_cluster(ClusterId=made)["Cluster"]["Status"]["State"] == "WAITING"
    emr.terminate_job_flows(JobFlowIds=[made])


def test_create_fails_when_the_bootstrap_action_fails(emr: EMRClient, s3: S3Client) -> None:
    s3.put_object(Bucket=BUCKET, Key="boot/fail.sh", Body=b"exit 3\n")
    actions = [{"Name": "fail", "ScriptBootstrapAction": {"Path": f"s3://{BUCKET}/boot/fail.sh"}}]
    with pytest.raises(AirflowException, match=r"JobFlow creation failed|Error creating jobFlow"):
        create(more={"BootstrapActions": actions}, deferrable=True, wait_for_completion=True, **POLLING)


@pytest.mark.parametrize("deferrable", [False, True])
def test_the_cluster_sensor_waits_for_its_target_state(emr: EMRClient, job_flow: str, deferrable: bool) -> None:
    states: dict[str, Any] = {} if deferrable else {"target_states": ["WAITING"]}
    if deferrable:
        emr.terminate_job_flows(JobFlowIds=[job_flow])
    complete(
        EmrJobFlowSensor(
            task_id="sense",
            job_flow_id=job_flow,
            poke_interval=1,
            timeout=60,
            deferrable=deferrable,
            **states,
            **CONNECTION,
        )
    )


@pytest.mark.parametrize("deferrable", [False, True])
def test_added_steps_complete(emr: EMRClient, job_flow: str, deferrable: bool) -> None:
    ids = add(
        job_flow,
        shell("one", "sleep 1"),
        shell("two", "true"),
        deferrable=deferrable,
        wait_for_completion=not deferrable,
        **POLLING,
    )
    assert [wait_step(emr, job_flow, step_id)["Status"]["State"] for step_id in ids] == ["COMPLETED"] * 2


@pytest.mark.parametrize("deferrable", [False, True])
def test_a_failed_step_fails_the_task_with_the_reason(job_flow: str, deferrable: bool) -> None:
    with pytest.raises(AirflowException, match=r"EMR Steps failed|Error while running steps|waiting for steps"):
        add(
            job_flow,
            shell("bad", "echo fruit is missing >&2; exit 1"),
            deferrable=deferrable,
            wait_for_completion=not deferrable,
            **POLLING,
        )


@pytest.mark.parametrize("deferrable", [False, True])
def test_the_step_sensor_succeeds_and_fails_with_the_step(job_flow: str, deferrable: bool) -> None:
    good, bad = add(job_flow, shell("good", "sleep 1"), shell("bad", "echo no fruit >&2; exit 1"))

    def sense(step_id: str) -> None:
        complete(
            EmrStepSensor(
                task_id="sense",
                job_flow_id=job_flow,
                step_id=step_id,
                poke_interval=1,
                timeout=60,
                max_attempts=60,
                deferrable=deferrable,
                **CONNECTION,
            )
        )

    sense(good)
    with pytest.raises(AirflowException, match="no fruit"):
        sense(bad)


def test_step_concurrency_can_be_changed(emr: EMRClient, job_flow: str) -> None:
    wait_cluster(emr, job_flow, "WAITING")
    level = complete(
        EmrModifyClusterOperator(task_id="modify", cluster_id=job_flow, step_concurrency_level=4, **CONNECTION)
    )
    assert level == 4


def test_terminate_waits_until_the_cluster_is_terminated(emr: EMRClient, job_flow: str) -> None:
    [step_id] = add(job_flow, shell("busy", "sleep 300"))
    wait_step(emr, job_flow, step_id, "RUNNING")
    complete(EmrTerminateJobFlowOperator(task_id="end", job_flow_id=job_flow, deferrable=True, **POLLING, **CONNECTION))
    assert emr.describe_cluster(ClusterId=job_flow)["Cluster"]["Status"]["State"] == "TERMINATED"


def test_a_killed_create_task_terminates_its_cluster(emr: EMRClient) -> None:
    operator = EmrCreateJobFlowOperator(
        task_id="create", emr_conn_id=None, job_flow_overrides=request("killed", keep_alive=True), **CONNECTION
    )
    made = operator.execute(CONTEXT)
    operator.on_kill()
    assert wait_cluster(emr, str(made))["Status"]["StateChangeReason"]["Code"] == "USER_REQUEST"


def test_a_cluster_is_found_by_name(emr: EMRClient) -> None:
    made = create(keep_alive=True, more={"Name": "named once"})
    assert EmrHook(**CONNECTION).get_cluster_id_by_name("named once", ["STARTING", "BOOTSTRAPPING", "WAITING"]) == made
    emr.terminate_job_flows(JobFlowIds=[made])


def test_triggers_work_after_serialization(emr: EMRClient, job_flow: str) -> None:
    """The triggerer builds a trigger from its serialized form in the database."""
    ids = add(job_flow, shell("one", "sleep 1"))
    for trigger in (
        EmrAddStepsTrigger(job_flow_id=job_flow, step_ids=ids, waiter_delay=1, waiter_max_attempts=60, **CONNECTION),
        EmrTerminateJobFlowTrigger(job_flow_id=job_flow, waiter_delay=1, waiter_max_attempts=60, **CONNECTION),
    ):
        if isinstance(trigger, EmrTerminateJobFlowTrigger):
            emr.terminate_job_flows(JobFlowIds=[job_flow])
        _, arguments = trigger.serialize()
        assert asyncio.run(first_event(type(trigger)(**arguments)))["status"] == "success"
