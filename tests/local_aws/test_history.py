"""The event log of a step, with the settings of the DAG's cluster, and the Spark history server that shows it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from local_aws.history import History
from local_aws.settings import REPOSITORY
from local_aws.stack import Stack
from tests.local_aws.clusters import BUCKET, start, step, step_log, wait_step
from tests.ports import free_ports
from verger.emr import requests
from verger.settings import Settings
from verger_contract.keys import SPARK_EVENTS

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client

JOB = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.appName("history").getOrCreate()
print("application", spark.sparkContext.applicationId, spark.range(1000).count())
spark.stop()
"""


@pytest.fixture(scope="module")
def server(stack: Stack, s3: S3Client) -> Iterator[str]:
    """The URL of a history server, started before any step has written an event log."""
    port = free_ports(1)
    logs = f"s3://{BUCKET}/{SPARK_EVENTS}"
    command = [sys.executable, "-m", "local_aws", "history", "--state", str(stack.settings.state)]
    process = subprocess.Popen([*command, "--port", str(port), logs], cwd=REPOSITORY)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    assert process.wait(10) != 0


@pytest.fixture(scope="module")
def application(emr: EMRClient, s3: S3Client, server: str) -> str:
    """The id of a Spark application that ran as a step, with the Spark settings of the DAG's cluster."""
    s3.put_object(Bucket=BUCKET, Key=SPARK_EVENTS, Body=b"")  # as the task stage_artifacts does
    s3.put_object(Bucket=BUCKET, Key="jobs/history.py", Body=JOB.encode())
    settings = Settings.from_environment({"VERGER_BUCKET": BUCKET})
    request = requests.cluster(settings, dag_id="d", run_id="r", artifacts="s3://none", environment="/none")
    spark = request["Configurations"][0]["Properties"]
    events = {name: value for name, value in spark.items() if name.startswith("spark.eventLog.")}
    configurations = [{"Classification": "spark-defaults", "Properties": events}]
    submit = step("history", "spark-submit", f"s3://{BUCKET}/jobs/history.py")
    cluster_id = start(emr, "history", submit, Configurations=configurations)
    step_id = emr.list_steps(ClusterId=cluster_id)["Steps"][0]["Id"]
    status = wait_step(emr, cluster_id, step_id)["Status"]
    assert status["State"] == "COMPLETED", step_log(s3, cluster_id, step_id, "stderr")[-3000:]
    output = step_log(s3, cluster_id, step_id, "stdout").split()
    return output[output.index("application") + 1]


def request_json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
        return json.load(answer)


def shown(server: str) -> list[str]:
    try:
        return [found["id"] for found in request_json(f"{server}/api/v1/applications")]
    except OSError:
        return []


def test_the_history_server_shows_a_step_after_its_end(server: str, application: str) -> None:
    deadline = time.monotonic() + 300
    while application not in shown(server):
        assert time.monotonic() < deadline, f"{application} is not among {shown(server)}"
        time.sleep(0.3)
    jobs = request_json(f"{server}/api/v1/applications/{application}/jobs")
    assert jobs
    assert {job["status"] for job in jobs} == {"SUCCEEDED"}


def test_the_history_server_shows_no_secret(server: str, application: str, stack: Stack) -> None:
    test_the_history_server_shows_a_step_after_its_end(server, application)
    output = json.dumps(request_json(f"{server}/api/v1/applications/{application}/environment"))
    assert "spark.eventLog.dir" in output
    assert stack.environment()["AWS_SECRET_ACCESS_KEY"] not in output


def test_an_application_has_one_event_log(application: str, s3: S3Client) -> None:
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=SPARK_EVENTS)["Contents"]]
    assert [key for key in keys if key != SPARK_EVENTS] == [f"{SPARK_EVENTS}{application}.zstd"]


@pytest.mark.parametrize("logs", ["events", "s3://bucket", "s3:///folder", "file:///folder/x"])
def test_a_folder_outside_s3_is_an_error(stack: Stack, logs: str) -> None:
    with pytest.raises(ValueError, match="expected s3://<bucket>/<folder>/"):
        History(stack, logs)
