"""Faults of EMR, injected by a proxy: a waiting task waits on, a step is submitted once, and cancels are repeated."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local_aws.faults.faults import Fault, lost, refused, reset, truncated, unanswered
from local_aws.faults.proxy import FaultProxy
from tests.plugins.emr.operators.conftest import (
    CONNECTION,
    Add,
    Done,
    Ready,
    command_step,
    deferred_trigger,
    fire,
    step_state,
    wait_for,
)
from verger.emr.outages import Outage
from verger.emr.triggers.step import StepTrigger
from verger.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

HERE = Settings.from_environment({"VERGER_BUCKET": "orchard"})
FAULTS = {
    "throttled": refused(400, "ThrottlingException"),
    "error": refused(500, "InternalServerError"),
    "unanswered": unanswered(),
    "reset": reset(),
    "cut off": truncated(at=10),
    "cut off before the body": truncated(at=0),
    "ended session": refused(400, "ExpiredTokenException"),
}
Submit = Callable[..., str]
POLLS = 4
"""Calls that have a fault. A poll sends two requests at most."""


@pytest.fixture
def submit(add: Add, cluster: str, context: Any) -> Submit:
    """Return a function that submits a step with a command to the cluster and returns its id."""

    def execute(*words: str) -> str:
        (step,) = add(cluster, command_step("one", *words)).execute(context)
        return str(step)

    return execute


def trigger_of(cluster: str, step: str, outage_seconds: float = 60) -> StepTrigger:
    return StepTrigger(
        job_flow_id=cluster, step_id=step, step="featurize", bucket="orchard", progress_key="runs/run-1/progress.json",
        waiter_delay=1, waiter_max_attempts=60, outage_seconds=outage_seconds, **CONNECTION,
    )  # fmt: skip


def steps(emr: EMRClient, cluster: str) -> list[str]:
    return [step["Id"] for step in emr.list_steps(ClusterId=cluster)["Steps"]]


@pytest.mark.parametrize("fault", [lost(), refused(500, "InternalServerError", after=True)], ids=["lost", "error"])
def test_a_step_is_submitted_once_when_the_response_is_lost(
    fault: Fault, submit: Submit, cluster: str, faulty_emr: FaultProxy, emr: EMRClient
) -> None:
    faulty_emr.inject(fault, operation="AddJobFlowSteps")
    step = submit("sleep", "30")
    assert faulty_emr.count("AddJobFlowSteps") == 1
    assert steps(emr, cluster) == [step]


def test_a_list_that_is_cut_off_is_not_taken_for_an_empty_one(
    submit: Submit, cluster: str, faulty_emr: FaultProxy, emr: EMRClient
) -> None:
    step = submit("sleep", "30")
    rule = faulty_emr.inject(truncated(at=0), operation="ListSteps", times=2)
    assert submit("sleep", "30") == step
    assert rule.hits == 2
    assert steps(emr, cluster) == [step]


def test_a_step_that_emr_has_limited_is_submitted_again(
    submit: Submit, cluster: str, faulty_emr: FaultProxy, emr: EMRClient
) -> None:
    faulty_emr.inject(refused(400, "ThrottlingException"), operation="AddJobFlowSteps", times=1)
    step = submit("true")
    assert faulty_emr.count("AddJobFlowSteps") == 2
    assert steps(emr, cluster) == [step]


def test_a_step_that_emr_refuses_is_not_submitted_again(submit: Submit, cluster: str, faulty_emr: FaultProxy) -> None:
    faulty_emr.inject(refused(400, "ValidationException"), operation="AddJobFlowSteps")
    with pytest.raises(ClientError, match="ValidationException"):
        submit("true")
    assert faulty_emr.count("AddJobFlowSteps") == 1


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_task_that_waits_for_a_step_waits_on(
    fault: Fault, submit: Submit, cluster: str, faulty_emr: FaultProxy
) -> None:
    step = submit("true")
    rule = faulty_emr.inject(fault, operation="DescribeStep", times=POLLS)
    assert fire(trigger_of(cluster, step)) == {
        "status": "success",
        "message": "COMPLETED",
        "job_flow_id": cluster,
        "step_id": step,
    }
    assert rule.hits == POLLS


def test_a_task_that_waits_for_a_cluster_waits_on(
    cluster: str, ready: Ready, faulty_emr: FaultProxy, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor = ready(cluster)
    monkeypatch.setattr(type(sensor), "poke", lambda *_: False)
    rule = faulty_emr.inject(unanswered(), operation="DescribeCluster", times=POLLS)
    assert fire(deferred_trigger(sensor.execute, context)) == {
        "status": "success",
        "message": "WAITING",
        "job_flow_id": cluster,
    }
    assert rule.hits == POLLS


def test_an_outage_that_lasts_too_long_ends_the_wait(submit: Submit, cluster: str, faulty_emr: FaultProxy) -> None:
    step = submit("sleep", "30")
    faulty_emr.inject(refused(400, "ThrottlingException"), operation="DescribeStep")
    event = fire(trigger_of(cluster, step, outage_seconds=0.5))
    assert event["status"] == "error"
    assert event["message"].startswith("EMR gave no usable answer for 0 s: An error occurred (ThrottlingException)")


def test_an_outage_begins_anew_after_an_answer() -> None:
    outage = Outage(limit_s=1000)
    assert outage.goes_on()
    outage.since = (outage.since or 0) - 999.5
    assert outage.goes_on()
    outage.ends()
    assert outage.goes_on()
    outage.since = (outage.since or 0) - 1001
    assert not outage.goes_on()


def test_a_request_that_is_denied_fails_the_task_at_once(submit: Submit, cluster: str, faulty_emr: FaultProxy) -> None:
    step = submit("sleep", "30")
    faulty_emr.inject(refused(400, "AccessDeniedException"), operation="DescribeStep")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        fire(trigger_of(cluster, step))
    assert faulty_emr.count("DescribeStep") == 1


@pytest.mark.parametrize("fault", [truncated(at=3), refused(403, "AccessDenied"), unanswered()])
def test_a_progress_that_cannot_be_read_does_not_end_the_wait(
    fault: Fault, submit: Submit, cluster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = submit("sleep", "2")
    with FaultProxy(os.environ["AWS_ENDPOINT_URL_S3"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        rule = proxy.inject(fault, operation="GetObject")
        assert fire(trigger_of(cluster, step))["message"] == "COMPLETED"
    assert rule.hits


@pytest.mark.parametrize("fault", [lost(), refused(400, "ThrottlingException"), refused(500, "InternalServerError")])
def test_a_cancel_is_repeated(
    *, fault: Fault, submit: Submit, cluster: str, faulty_emr: FaultProxy, emr: EMRClient, done: Done
) -> None:
    step = submit("sleep", "60")
    faulty_emr.inject(fault, operation="CancelSteps", times=1)
    task = done(cluster, step, command_step("one", "sleep", "60"))
    task.botocore_config = HERE.storage.request_options
    task.on_kill()
    wait_for(lambda: step_state(emr, cluster, step) == "CANCELLED")
    assert faulty_emr.count("CancelSteps") == 2
