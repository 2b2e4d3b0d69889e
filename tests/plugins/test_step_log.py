"""The last error of a step is found wherever EMR put it, and however late."""

from __future__ import annotations

import gzip
import threading
from typing import Any

import pytest
from verger.step_log import last_error, summary

PREFIX = "logs/j-1/"
OURS = "verger: error: s3://b/images/: no photo could be read"


def put(client: Any, bucket: str, key: str, *lines: str) -> None:
    client.put_object(Bucket=bucket, Key=f"{PREFIX}{key}", Body=gzip.compress("\n".join(lines).encode()))


def test_the_jobs_own_words_come_first(client: Any, bucket: str) -> None:
    put(client, bucket, "steps/s-1/stderr.gz", "INFO start", OURS, "INFO ShutdownHookManager", "")
    found = last_error(client, bucket, PREFIX, "s-1", 0)
    assert found.summary == OURS
    assert found.uri == f"s3://{bucket}/logs/j-1/steps/s-1/stderr.gz"
    assert found.lines[-1] == "INFO ShutdownHookManager"


def test_in_cluster_mode_they_are_in_the_log_of_the_application(client: Any, bucket: str) -> None:
    application = "application_1700000000000_0001"
    put(client, bucket, "steps/s-1/stderr.gz", f"Submitted application {application}", "SparkException: exited with 1")
    put(client, bucket, f"containers/{application}/container_1_0001_01_000002/stderr.gz", "INFO an executor")
    put(client, bucket, f"containers/{application}/container_1_0001_01_000001/stderr.gz", "Traceback", OURS)
    found = last_error(client, bucket, PREFIX, "s-1", 0)
    assert found.summary == OURS
    assert application in found.uri


def test_a_log_that_comes_late_is_waited_for(client: Any, bucket: str) -> None:
    late = threading.Timer(1, put, (client, bucket, "steps/s-1/stderr.gz", OURS))
    late.start()
    assert last_error(client, bucket, PREFIX, "s-1", 15).summary == OURS


def test_no_log_is_said_to_be_none(client: Any, bucket: str) -> None:
    found = last_error(client, bucket, PREFIX, "s-1", 0)
    assert (found.summary, list(found.lines)) == ("", [])


def test_a_long_log_is_cut(client: Any, bucket: str) -> None:
    put(client, bucket, "steps/s-1/stderr.gz", *(f"line {number}" for number in range(1000)))
    assert last_error(client, bucket, PREFIX, "s-1", 0).lines[0] == "line 980"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([OURS, "java.lang.RuntimeException: later"], OURS),
        (["ValueError: first", "KeyError: 'second'", "at org.apache"], "KeyError: 'second'"),
        (["nothing that", "reads so"], "reads so"),
        (["it saw no errors", "and ended"], "and ended"),
        ([], ""),
    ],
)
def test_one_line_says_what_was_wrong(lines: list[str], expected: str) -> None:
    assert summary(lines) == expected
