"""The last error of a step is found in whichever log EMR writes it to, also when the log arrives late."""

from __future__ import annotations

import gzip
import random
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from verger.emr import step_log
from verger.emr.log_tail import MOST_BYTES
from verger.emr.step_log import MAX_CONTAINERS, last_error, summary

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "logs/j-1/"
OURS = "verger: error: s3://b/images/: no photo could be read"


def put(client: S3Client, bucket: str, key: str, *lines: str) -> None:
    client.put_object(Bucket=bucket, Key=f"{PREFIX}{key}", Body=gzip.compress("\n".join(lines).encode()))


def test_the_steps_own_error_comes_first(client: S3Client, bucket: str) -> None:
    put(client, bucket, "steps/s-1/stderr.gz", "INFO start", OURS, "INFO ShutdownHookManager", "")
    found = last_error(client, bucket, PREFIX, "s-1", 0)
    assert found.summary == OURS
    assert found.uri == f"s3://{bucket}/logs/j-1/steps/s-1/stderr.gz"
    assert found.lines[-1] == "INFO ShutdownHookManager"


def test_the_steps_error_is_found_in_the_stdout_of_its_driver(client: S3Client, bucket: str) -> None:
    put(client, bucket, "steps/s-1/stderr.gz", "INFO start", "SparkUserAppException: User application exited with 1")
    put(client, bucket, "steps/s-1/stdout.gz", "a line", OURS)
    found = last_error(client, bucket, PREFIX, "s-1", 0)
    assert found.summary == OURS
    assert found.uri.endswith("s-1/stdout.gz")


def test_a_traceback_in_stdout_is_preferred_to_the_error_of_spark_submit(client: S3Client, bucket: str) -> None:
    put(client, bucket, "steps/s-1/stderr.gz", "SparkUserAppException: User application exited with 1")
    put(client, bucket, "steps/s-1/stdout.gz", "Traceback (most recent call last):", "KeyError: 'features'")
    assert last_error(client, bucket, PREFIX, "s-1", 0).summary == "KeyError: 'features'"


def test_in_cluster_mode_the_error_is_found_in_the_log_of_the_application(client: S3Client, bucket: str) -> None:
    application = "application_1700000000000_0001"
    put(client, bucket, "steps/s-1/stderr.gz", f"Submitted application {application}", "SparkException: exited with 1")
    put(client, bucket, f"containers/{application}/container_1_0001_01_000002/stderr.gz", "INFO an executor")
    put(client, bucket, f"containers/{application}/container_1_0001_01_000001/stdout.gz", "Traceback", OURS)
    found = last_error(client, bucket, PREFIX, "s-1", 0)
    assert found.summary == OURS
    assert application in found.uri


def test_a_log_that_emr_uploads_late_is_found(client: S3Client, bucket: str) -> None:
    late = threading.Timer(1, put, (client, bucket, "steps/s-1/stderr.gz", OURS))
    late.start()
    assert last_error(client, bucket, PREFIX, "s-1", 15).summary == OURS


def test_without_a_log_the_result_is_empty(client: S3Client, bucket: str) -> None:
    found = last_error(client, bucket, PREFIX, "s-1", 0)
    assert (found.summary, list(found.lines)) == ("", [])


def test_only_the_last_lines_of_a_log_are_returned(client: S3Client, bucket: str) -> None:
    put(client, bucket, "steps/s-1/stderr.gz", *(f"line {number}" for number in range(1000)))
    assert last_error(client, bucket, PREFIX, "s-1", 0).lines[0] == "line 980"


def test_only_the_end_of_a_large_log_is_searched(client: S3Client, bucket: str) -> None:
    put(client, bucket, "steps/s-1/stderr.gz", OURS, *["x" * 99] * (MOST_BYTES // 100 + 1), "ValueError: the last")
    assert last_error(client, bucket, PREFIX, "s-1", 0).summary == "ValueError: the last"


@pytest.mark.parametrize("part", [b"\x1f\x8b", b"no gzip at all"])
def test_an_unreadable_log_is_read_again_until_it_is_complete(part: bytes, client: S3Client, bucket: str) -> None:
    client.put_object(Bucket=bucket, Key=f"{PREFIX}steps/s-1/stderr.gz", Body=part)
    assert last_error(client, bucket, PREFIX, "s-1", 0).summary == ""
    late = threading.Timer(1, put, (client, bucket, "steps/s-1/stderr.gz", OURS))
    late.start()
    assert last_error(client, bucket, PREFIX, "s-1", 15).summary == OURS


def test_a_truncated_gzip_gives_its_readable_lines(client: S3Client, bucket: str) -> None:
    rng = random.Random(1)
    lines = [f"line {number} {rng.random()}" for number in range(5000)]
    packed = gzip.compress("\n".join([*lines[:100], "ValueError: a first try", *lines[100:]]).encode())
    client.put_object(Bucket=bucket, Key=f"{PREFIX}steps/s-1/stderr.gz", Body=packed[: len(packed) // 2])
    found = last_error(client, bucket, PREFIX, "s-1", 0)
    assert found.summary == "ValueError: a first try"
    assert len(found.lines) == 20
    assert {*found.lines[:-1]} <= {*lines}
    assert not found.complete


def test_the_complete_log_is_preferred_to_a_truncated_one(client: S3Client, bucket: str) -> None:
    """A line at the end of a truncated file may be cut."""
    packed = gzip.compress(OURS.encode())[:-8]
    client.put_object(Bucket=bucket, Key=f"{PREFIX}steps/s-1/stderr.gz", Body=packed)
    assert last_error(client, bucket, PREFIX, "s-1", 0).summary == OURS
    late = threading.Timer(1, put, (client, bucket, "steps/s-1/stderr.gz", f"{OURS}: in full"))
    late.start()
    assert last_error(client, bucket, PREFIX, "s-1", 15).summary == f"{OURS}: in full"


def test_the_application_master_is_read_first_and_the_number_of_containers_is_limited(
    client: S3Client, bucket: str
) -> None:
    application = "application_1700000000000_0001"
    put(client, bucket, "steps/s-1/stderr.gz", f"Submitted application {application}")
    for number in range(30):
        put(client, bucket, f"containers/{application}/container_1_0001_01_{number + 2:06}/stderr.gz", "INFO")
    read = reads(client)
    last_error(client, bucket, PREFIX, "s-1", 0)
    assert len(read) == 1 + MAX_CONTAINERS
    put(client, bucket, f"containers/{application}/container_1_0001_01_000001/stdout.gz", OURS)
    read.clear()
    assert last_error(client, bucket, PREFIX, "s-1", 0).summary == OURS
    assert read == [
        f"{PREFIX}steps/s-1/stderr.gz",
        f"{PREFIX}containers/{application}/container_1_0001_01_000001/stdout.gz",
    ]


def test_an_unchanged_log_is_read_once(client: S3Client, bucket: str) -> None:
    put(client, bucket, "steps/s-1/stderr.gz", "INFO start")
    read = reads(client)
    last_error(client, bucket, PREFIX, "s-1", 6)
    assert read.count(f"{PREFIX}steps/s-1/stderr.gz") == 1


def test_a_step_that_was_killed_writes_no_error_that_is_worth_the_wait(
    client: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(step_log, "POLL_SECONDS", 0.1)
    put(client, bucket, "steps/s-1/controller.gz", "INFO waitProcessCompletion ended with exit code 137")
    put(client, bucket, "steps/s-1/stdout.gz", "working")
    assert last_error(client, bucket, PREFIX, "s-1", 10_000).lines == ["working"]


def reads(client: S3Client) -> list[str]:
    """Return a list that collects the keys of all later GetObject requests."""
    keys: list[str] = []
    client.meta.events.register("provide-client-params.s3.GetObject", lambda params, **_: keys.append(params["Key"]))
    return keys


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([OURS, "java.lang.RuntimeException: later"], OURS),
        (["ValueError: first", "KeyError: 'second'", "at org.apache"], "KeyError: 'second'"),
        (["ValueError: real", "26/11/23 07:03:48 INFO Handler: ignoring an Exception"], "ValueError: real"),
        (["nothing that", "reads like errors"], ""),
        ([], ""),
    ],
)
def test_the_summary_is_the_line_with_the_error(lines: list[str], expected: str) -> None:
    assert summary(lines) == expected


EXPECTED = {
    "verger_on_driver": "verger: error: s3://bucket/runs/r/work.parquet: does not exist, but this step needs it",
    "verger_on_worker": "verger: error: s3://bucket/images/Kiwi/1.jpg: cannot be read: SlowDown (HTTP 503): ",
    "value_on_worker": "ValueError: images/Kiwi/7.jpg: two",
    "chained_on_worker": "RuntimeError: images/Kiwi/7.jpg: no features",
    "memory_on_worker": "MemoryError",
    "bare_memory_on_worker": "MemoryError",
    "custom_on_worker": "obstore.exceptions.GenericError: Generic S3 error: Error performing GET",
    "killed_worker": "org.apache.spark.SparkException: Job aborted due to stage failure: Task 0 in stage 0.0 failed 4 ",
    "key_on_driver": "KeyError: 'features'",
    "java_missing_path": "pyspark.errors.exceptions.captured.AnalysisException: [PATH_NOT_FOUND] Path does not exist",
    "java_on_driver": 'pyspark.errors.exceptions.captured.NumberFormatException: For input string: "x"',
    "java_udf_arith": "pyspark.errors.exceptions.captured.ArithmeticException: [DIVIDE_BY_ZERO] Division by zero",
    "java_oom": "java.lang.OutOfMemoryError: Java heap space",
}
"""By file in the folder `step_logs`: the beginning of the error. The files are what Spark 4.1 wrote to stdout."""


@pytest.mark.parametrize("name", EXPECTED)
def test_the_error_in_real_logs(name: str) -> None:
    text = (Path(__file__).parent / "step_logs" / f"{name}.txt").read_text()
    found = summary([line for line in text.splitlines() if line.strip()])
    assert found.startswith(EXPECTED[name])
    assert "handlePythonException" not in found


def test_every_captured_log_has_an_expected_error() -> None:
    assert {path.stem for path in (Path(__file__).parent / "step_logs").iterdir()} == {*EXPECTED}


def test_the_verger_error_of_a_worker_is_preferred_to_later_exceptions() -> None:
    lines = [
        "26/11/26 21:44:17 ERROR Executor: Exception in task 0.0 in stage 0.0 (TID 0)",
        "org.apache.spark.api.python.PythonException: Traceback (most recent call last):",
        '  File "source.py", line 1, in read',
        "verger_contract.errors.VergerError: s3://b/images/1.jpg: cannot be read: NoSuchBucket",
        "\tat org.apache.spark.api.python.PythonRunner$$anon$3.handlePythonException(PythonRunner.scala:572)",
        "Caused by: java.io.EOFException",
        "\t... 22 more",
    ]
    assert summary(lines) == lines[3]
    assert summary(lines[4:]) == "Caused by: java.io.EOFException"
    assert summary([lines[4], lines[6]]) == ""
