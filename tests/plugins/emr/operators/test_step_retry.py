"""Which failures of a step are worth another try."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.places import ROOT
from verger.emr.operators.step_retry import NO_ERROR, reason_to_retry
from verger.emr.step_log import summary

LOGS = ROOT / "tests/plugins/emr/step_logs"
LOST = {"killed_worker"}


@pytest.mark.parametrize("log", sorted(LOGS.glob("*.txt")), ids=lambda path: path.stem)
def test_of_the_recorded_logs_only_that_of_a_lost_process_is_worth_a_retry(log: Path) -> None:
    path = log
    found = summary(path.read_text().splitlines())
    assert bool(reason_to_retry("FAILED", found)) is (path.stem in LOST), found


def test_a_step_without_an_error_in_its_log_was_killed() -> None:
    assert reason_to_retry("FAILED", "") == NO_ERROR


def test_a_missing_log_is_no_reason_for_a_retry() -> None:
    assert reason_to_retry("FAILED", "", complete=False) == ""


@pytest.mark.parametrize("state", ["CANCELLED", "INTERRUPTED"])
def test_a_cancelled_step_is_not_repeated(state: str) -> None:
    assert reason_to_retry(state, "") == ""


@pytest.mark.parametrize(
    "error",
    [
        "verger: error: s3://b/k: cannot be read: AccessDenied (HTTP 403)",
        "verger: error: a Python worker was ended by signal 9",
        "KeyError: 'features'",
        "java.lang.OutOfMemoryError: Java heap space",
    ],
)
def test_an_error_that_would_occur_again_is_not_worth_a_retry(error: str) -> None:
    assert reason_to_retry("FAILED", error) == ""


@pytest.mark.parametrize(
    "error",
    [
        "py4j.protocol.Py4JNetworkError: Answer from Java side is empty",
        "SparkException: Job aborted: ExecutorLostFailure (executor 1 exited caused by one of the tasks)",
        "Container exited with a non-zero exit code 137. Killed by external signal",
        "ConnectionRefusedError: [Errno 111] Connection refused",
        "SparkException: EOFException occurred while reading the port number from pyspark.daemon's stdout.",
        "SparkException: Python worker failed to connect back.",
    ],
)
def test_a_lost_process_or_node_is_worth_a_retry(error: str) -> None:
    assert reason_to_retry("FAILED", error) == "a process or a node was lost"
