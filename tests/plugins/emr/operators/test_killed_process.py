"""The message of a step whose process was killed: real processes, real controller logs, real logs of Spark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from tests.plugins.emr.operators.conftest import Add, Done, command_step, step_state, wait_for
from verger.emr.operators.killed_process import explanation
from verger.emr.step_log import summary

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

LOGS = Path(__file__).parents[1] / "step_logs"


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (
            9,
            r"was killed by signal 9: out of memory\? .*_INSTANCE_TYPES; last lines of its log: working / 17",
        ),
        (15, r"was ended by signal 15: its node was shut down, or a user ended it; clear this task"),
        (11, r"ended by signal 11 \(SIGSEGV\): it crashed"),
    ],
)
def test_a_driver_that_was_killed(
    *, number: int, expected: str, add: Add, done: Done, cluster: str, context: Any, emr: EMRClient
) -> None:
    request = command_step("one", "bash", "-c", f"echo working; echo 17 of 20; kill -{number} $$")
    (step,) = add(cluster, request).execute(context)
    wait_for(lambda: step_state(emr, cluster, step) == "FAILED")
    sensor = done(cluster, step, request)
    with pytest.raises(AirflowFailException, match=rf"is FAILED: the driver .*{expected}"):
        sensor.execute_complete(context, {"job_flow_id": cluster, "step_id": step})


def test_a_python_worker_that_was_killed() -> None:
    lines = [line for line in (LOGS / "killed_worker.txt").read_text().splitlines() if line.strip()]
    message = explanation(summary(lines), 1)
    assert message.startswith("a Python worker was killed or crashed in every attempt of a task (signal 9: the kernel")
    assert "VERGER_EXECUTOR_OVERHEAD_MIB" in message


def test_a_node_that_was_lost() -> None:
    error = (
        "org.apache.spark.SparkException: Job aborted due to stage failure: Task 3 in stage 1.0 failed 4 times, most "
        "recent failure: Lost task 3.3 in stage 1.0 (TID 9) (ip-10-0-0-1 executor 4): ExecutorLostFailure (executor 4 "
        "exited unrelated to the running tasks) Reason: Container marked as failed: container_1_0001_01_000005 on "
        "host: ip-10-0-0-1. Exit status: -100. Diagnostics: Container released on a *lost* node."
    )
    assert explanation(error, 1).startswith("a node of the cluster was lost with its executors in every attempt")


@pytest.mark.parametrize("code", [None, 0, 1, 127])
def test_other_errors_are_not_explained(code: int | None) -> None:
    assert explanation("KeyError: 'features'", code) == ""
