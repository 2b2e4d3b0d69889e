"""Steps: their order, their failure, their cancellation, and the effect of each on the cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local_aws.processes.cluster import cluster_processes
from tests.local_aws.clusters import (
    BUCKET,
    log_text,
    reason,
    shell,
    start,
    step,
    step_log,
    step_states,
    wait_cluster,
    wait_step,
)

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_emr.literals import ActionOnFailureType, StepCancellationOptionType
    from mypy_boto3_emr.type_defs import StepConfigTypeDef
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def waiting(emr: EMRClient) -> Iterator[str]:
    """A cluster that waits for steps."""
    cluster_id = start(emr, "kept", keep_alive=True)
    wait_cluster(emr, cluster_id, "WAITING")
    yield cluster_id
    emr.terminate_job_flows(JobFlowIds=[cluster_id])


def add(emr: EMRClient, cluster_id: str, *steps: StepConfigTypeDef) -> list[str]:
    return emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=steps)["StepIds"]


def test_steps_run_one_after_another_and_the_cluster_ends_after_the_last(emr: EMRClient) -> None:
    cluster_id = start(emr, "two steps", shell("first", "sleep 0.3"), shell("second", "true"))
    cluster = wait_cluster(emr, cluster_id)
    assert reason(cluster) == ("TERMINATED", "ALL_STEPS_COMPLETED", "Steps completed")
    second, first = (found["Status"]["Timeline"] for found in emr.list_steps(ClusterId=cluster_id)["Steps"])
    assert first["EndDateTime"] <= second["StartDateTime"]
    timeline = cluster["Status"]["Timeline"]
    assert timeline["CreationDateTime"] < timeline["ReadyDateTime"] < timeline["EndDateTime"]


def test_a_cluster_waits_when_idle_and_runs_with_steps(emr: EMRClient, waiting: str) -> None:
    [step_id] = add(emr, waiting, shell("work", "sleep 0.5"))
    wait_step(emr, waiting, step_id, "RUNNING")
    assert wait_cluster(emr, waiting, "RUNNING")
    wait_step(emr, waiting, step_id, "COMPLETED")
    wait_cluster(emr, waiting, "WAITING")


def test_logs_have_the_keys_of_emr(emr: EMRClient, s3: S3Client, waiting: str) -> None:
    [step_id] = add(emr, waiting, shell("talk", "echo to stdout; echo to stderr >&2"))
    wait_step(emr, waiting, step_id)
    assert step_log(s3, waiting, step_id, "stdout") == "to stdout\n"
    assert step_log(s3, waiting, step_id, "stderr") == "to stderr\n"
    assert "ended with exit code 0" in step_log(s3, waiting, step_id, "controller")


def test_secrets_are_not_in_the_logs(emr: EMRClient, s3: S3Client, stack: Any, waiting: str) -> None:
    [step_id] = add(emr, waiting, step("spark", "spark-submit", "--version"))
    wait_step(emr, waiting, step_id, "COMPLETED")
    secret = stack.environment()["AWS_SECRET_ACCESS_KEY"]
    for stream in ("controller", "stderr", "stdout"):
        assert secret not in step_log(s3, waiting, step_id, stream)
    assert not any(secret.encode() in path.read_bytes() for path in stack.settings.state.glob("nodes/**/*.conf"))


def test_a_failed_step_has_a_reason(emr: EMRClient, s3: S3Client, waiting: str) -> None:
    lines = r"printf 'verger: error: no photo readable\n26/11/23 06:37:02 INFO SparkContext: stopped\n\n' >&2"
    [step_id] = add(emr, waiting, shell("fails", f"{lines}; exit 7"))
    status = wait_step(emr, waiting, step_id)["Status"]
    assert status["State"] == "FAILED"
    details = status["FailureDetails"]
    assert details["Message"] == "verger: error: no photo readable (exit code 7)"
    assert details["LogFile"] == f"s3://{BUCKET}/logs/{waiting}/steps/{step_id}/stderr.gz"
    assert "no photo readable" in log_text(s3, details["LogFile"])


def test_command_that_does_not_exist(emr: EMRClient, waiting: str) -> None:
    [step_id] = add(emr, waiting, step("typo", "spark-sumbit", "job.py"))
    details = wait_step(emr, waiting, step_id)["Status"]["FailureDetails"]
    assert "spark-sumbit: No such file or directory" in details["Message"]


def test_jar_that_cannot_run_here(emr: EMRClient, waiting: str) -> None:
    [step_id] = add(emr, waiting, step("jar", "main", jar="s3://elsewhere/wordcount.jar"))
    status = wait_step(emr, waiting, step_id)["Status"]
    assert status["State"] == "FAILED"
    assert "s3://elsewhere/wordcount.jar" in status["FailureDetails"]["Reason"]


def test_failure_with_continue(emr: EMRClient, waiting: str) -> None:
    ids = add(emr, waiting, shell("bad", "exit 1"), shell("good", "true"))
    wait_step(emr, waiting, ids[-1])
    assert step_states(emr, waiting) == {"bad": "FAILED", "good": "COMPLETED"}
    wait_cluster(emr, waiting, "WAITING")


def test_failure_with_cancel_and_wait(emr: EMRClient, waiting: str) -> None:
    add(emr, waiting, shell("bad", "exit 1", "CANCEL_AND_WAIT"), shell("next", "true"), shell("last", "true"))
    wait_cluster(emr, waiting, "RUNNING")
    wait_cluster(emr, waiting, "WAITING")
    assert step_states(emr, waiting) == {"bad": "FAILED", "next": "CANCELLED", "last": "CANCELLED"}


@pytest.mark.parametrize("action", ["TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"])
def test_failure_with_terminate(emr: EMRClient, action: ActionOnFailureType) -> None:
    cluster_id = start(emr, "ends", shell("bad", "exit 1", action), shell("next", "true"), keep_alive=True)
    cluster = wait_cluster(emr, cluster_id)
    assert reason(cluster) == ("TERMINATED_WITH_ERRORS", "STEP_FAILURE", "Shut down as step failed")
    assert step_states(emr, cluster_id) == {"bad": "FAILED", "next": "CANCELLED"}


def test_failure_of_a_cluster_without_keep_alive(emr: EMRClient) -> None:
    cluster_id = start(emr, "continues", shell("bad", "exit 1"), shell("good", "true"))
    assert reason(wait_cluster(emr, cluster_id)) == (
        "TERMINATED",
        "ALL_STEPS_COMPLETED",
        "Steps completed with errors",
    )


def test_cancel_a_pending_step(emr: EMRClient, waiting: str) -> None:
    running, pending = add(emr, waiting, shell("running", "sleep 1"), shell("pending", "true"))
    wait_step(emr, waiting, running, "RUNNING")
    [info] = emr.cancel_steps(ClusterId=waiting, StepIds=[pending])["CancelStepsInfoList"]
    assert (info["StepId"], info["Status"]) == (pending, "SUBMITTED")
    wait_step(emr, waiting, running, "COMPLETED")
    wait_cluster(emr, waiting, "WAITING")
    cancelled = emr.describe_step(ClusterId=waiting, StepId=pending)["Step"]["Status"]
    assert cancelled["State"] == "CANCELLED"
    assert "StartDateTime" not in cancelled["Timeline"]


@pytest.mark.parametrize("option", ["SEND_INTERRUPT", "TERMINATE_PROCESS"])
def test_cancel_a_running_step(emr: EMRClient, waiting: str, option: StepCancellationOptionType) -> None:
    """The complete tree of the step ends, also a grandchild in another session. The next step runs."""
    tree = "setsid sleep 301 & sleep 302 & wait"
    running, following = add(emr, waiting, shell("running", tree), shell("following", "true"))
    wait_step(emr, waiting, running, "RUNNING")
    until(lambda: len(cluster_processes(waiting)) >= 4, "subreaper, bash and two sleeps run")
    [info] = emr.cancel_steps(ClusterId=waiting, StepIds=[running], StepCancellationOption=option)[
        "CancelStepsInfoList"
    ]
    assert info["Status"] == "SUBMITTED"
    assert wait_step(emr, waiting, running, seconds=60)["Status"]["State"] == "CANCELLED"
    wait_step(emr, waiting, following, "COMPLETED")
    assert cluster_processes(waiting) == []


def test_an_interrupted_step_can_write_to_its_log(emr: EMRClient, s3: S3Client, waiting: str) -> None:
    [step_id] = add(
        emr, waiting, shell("traps SIGTERM", "trap 'echo goodbye; exit 1' TERM; echo ready; sleep 60 & wait")
    )
    wait_step(emr, waiting, step_id, "RUNNING")
    until(lambda: len(cluster_processes(waiting)) >= 3, "it sleeps")
    emr.cancel_steps(ClusterId=waiting, StepIds=[step_id], StepCancellationOption="SEND_INTERRUPT")
    wait_step(emr, waiting, step_id, "CANCELLED", seconds=60)
    assert step_log(s3, waiting, step_id, "stdout") == "ready\ngoodbye\n"


def test_a_step_that_ignores_sigterm_is_cancel_pending_and_then_killed(emr: EMRClient, waiting: str) -> None:
    [step_id] = add(emr, waiting, shell("ignores SIGTERM", "trap '' TERM INT; while :; do sleep 0.1; done"))
    wait_step(emr, waiting, step_id, "RUNNING")
    time.sleep(0.5)
    emr.cancel_steps(ClusterId=waiting, StepIds=[step_id])
    assert emr.describe_step(ClusterId=waiting, StepId=step_id)["Step"]["Status"]["State"] == "CANCEL_PENDING"
    wait_step(emr, waiting, step_id, "CANCELLED")
    assert cluster_processes(waiting) == []


def test_the_cancellation_of_an_ended_step_fails(emr: EMRClient, waiting: str) -> None:
    [step_id] = add(emr, waiting, shell("done", "true"))
    wait_step(emr, waiting, step_id)
    [info] = emr.cancel_steps(ClusterId=waiting, StepIds=[step_id])["CancelStepsInfoList"]
    assert info["Status"] == "FAILED"
    assert "COMPLETED" in info["Reason"]
    with pytest.raises(ClientError, match="Step id 's-NOPE' is not valid"):
        emr.cancel_steps(ClusterId=waiting, StepIds=["s-NOPE"])


def test_step_concurrency(emr: EMRClient, waiting: str) -> None:
    assert emr.modify_cluster(ClusterId=waiting, StepConcurrencyLevel=3)["StepConcurrencyLevel"] == 3
    ids = add(emr, waiting, *(shell(f"s{n}", "sleep 30") for n in range(4)))
    for step_id in ids[:3]:
        wait_step(emr, waiting, step_id, "RUNNING")
    assert step_states(emr, waiting)["s3"] == "PENDING"
    emr.cancel_steps(ClusterId=waiting, StepIds=[ids[0]], StepCancellationOption="TERMINATE_PROCESS")
    wait_step(emr, waiting, ids[3], "RUNNING")
    with pytest.raises(ClientError, match="not valid when the step concurrency level"):
        add(emr, waiting, shell("strict", "true", "TERMINATE_CLUSTER"))


def test_processes_that_a_step_leaves_running_are_ended(emr: EMRClient, waiting: str) -> None:
    [step_id] = add(emr, waiting, shell("daemon", "setsid sleep 303 > /dev/null 2>&1 & sleep 0.2"))
    wait_step(emr, waiting, step_id, "COMPLETED")
    assert cluster_processes(waiting) == []


def until(condition: Any, what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
