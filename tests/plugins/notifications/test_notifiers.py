"""Notifications are published to a real topic: SNS and SQS of moto's server, and S3 of local_aws."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.places import environment_python
from tests.plugins.snapshots import put_data, snapshot
from tests.ports import free_ports
from verger.clock import now
from verger.notifications.notifiers import RunNotifier, late_run
from verger.publication.commit import publish, start_run
from verger.s3.clients import write_json
from verger_contract.keys import Run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "eu-west-3"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Return the address of a running moto server, which the clients of SNS use."""
    port = free_ports(1)
    server = environment_python("dev").with_name("moto_server")
    with subprocess.Popen([server, "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL_SNS", f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.fixture
def received(moto: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, str]]]:
    """Return a function that returns the messages of the topic of the settings, as a queue got them."""
    sns: Any = boto3.client("sns", region_name=REGION, endpoint_url=moto)
    sqs: Any = boto3.client("sqs", region_name=REGION, endpoint_url=moto)
    deadline = time.monotonic() + 300
    while True:
        try:
            topic = sns.create_topic(Name="verger")["TopicArn"]
            break
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
    queue = sqs.create_queue(QueueName=settings.storage.bucket)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    monkeypatch.setenv("VERGER_SNS_TOPIC", topic)
    monkeypatch.setenv("VERGER_BUCKET", settings.storage.bucket)

    def messages() -> list[dict[str, str]]:
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", ())
        return [json.loads(message["Body"]) for message in found]

    return messages


def context(**values: Any) -> Any:
    # `airflow dags test` gives a DAG without a template environment.
    return {"run_id": "run-1", "reason": "task_failure", "dag": object()} | values


def test_a_failed_run_is_published_to_the_topic(
    received: Callable[[], list[dict[str, str]]], client: S3Client, bucket: str
) -> None:
    failure = {"task": "pca_done", "error": "{{ 1 / 0 }} is no template", "at": "2026-11-27T02:00:00+00:00"}
    write_json(client, bucket, Run(bucket, "run-1").failure, {"failure": failure, "cost": None})
    RunNotifier(succeeded=False)(context())
    (message,) = received()
    assert message["Subject"] == "Verger: run run-1 failed in pca_done"
    assert "What happened: {{ 1 / 0 }} is no template" in message["Message"]
    assert f"Report: s3://{bucket}/runs/run-1/report.html" in message["Message"]


def test_a_run_that_was_killed_without_a_report_is_published_with_airflows_reason(
    received: Callable[[], list[dict[str, str]]],
) -> None:
    RunNotifier(succeeded=False)(context(reason="all_tasks_deadlocked"))
    (message,) = received()
    assert "What happened: all_tasks_deadlocked" in message["Message"]
    assert "Published: no; nothing is published" in message["Message"]


def test_a_published_run_is_only_a_message_with_warnings(
    received: Callable[[], list[dict[str, str]]], client: S3Client, bucket: str
) -> None:
    run = Run(bucket, "run-1")
    start_run(client, run, now())
    put_data(client, bucket, snapshot(run.id))
    publish(client, run, snapshot(run.id), None)
    RunNotifier(succeeded=True)(context())
    write_json(client, bucket, run.report_facts, {"warnings": [], "cost": None})
    RunNotifier(succeeded=True)(context())
    assert received() == []
    write_json(client, bucket, run.report_facts, {"warnings": ["3 photos could not be read."], "cost": None})
    RunNotifier(succeeded=True)(context())
    (message,) = received()
    assert message["Subject"] == "Verger: run run-1 was published with 1 warning"
    assert "- 3 photos could not be read." in message["Message"]


def test_a_late_run_is_published_by_the_triggerer(received: Callable[[], list[dict[str, str]]]) -> None:
    asyncio.run(late_run(context={"dag_run": {"dag_run_id": "scheduled__1"}, "deadline": {}}))
    (message,) = received()
    assert message["Subject"] == "Verger: run scheduled__1 is late"
    assert "360 minutes after its scheduled time" in message["Message"]


def test_without_a_topic_the_message_is_in_the_log(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VERGER_BUCKET", settings.storage.bucket)
    monkeypatch.delenv("VERGER_SNS_TOPIC", raising=False)
    RunNotifier(succeeded=False)(context())
    assert "notification: Verger: run run-1 failed" in caplog.text


def test_a_topic_that_does_not_exist_is_an_error_after_the_log(
    received: Callable[[], list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VERGER_SNS_TOPIC", "arn:aws:sns:eu-west-3:123456789012:deleted")
    with pytest.raises(ClientError, match="NotFound"):
        RunNotifier(succeeded=False)(context())
    assert "notification: Verger: run run-1 failed" in caplog.text
