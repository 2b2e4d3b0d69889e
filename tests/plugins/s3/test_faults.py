"""Faults of S3, injected by a proxy: what is repeated, and what the error says when repeating does not help."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from local_aws.faults.faults import Fault, late, refused, reset, stalled, truncated, unanswered
from local_aws.faults.proxy import FaultProxy
from verger.s3 import bodies, clients
from verger.s3.errors import StorageError, UnavailableError
from verger.settings import Settings
from verger.tables.parquet import Store, upload, write_rows
from verger_contract.schemas import DELETES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "runs/one/deletes.parquet"
DOCUMENT = "runs/one/plan.json"
ROWS = [(f"images/Kiwi/{number * 7919 % 100_003}-é.jpg", f"run-{number}") for number in range(20_000)]
"""More than the end of the file that is read with its size."""


@pytest.fixture
def proxy(settings: Settings, client: S3Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultProxy]:
    """Write a table and a document, then put a proxy before S3."""
    with upload(client, settings.storage.bucket, KEY) as file:
        write_rows(file, DELETES, ROWS)
    clients.write_json(client, settings.storage.bucket, DOCUMENT, {"work": True})
    with FaultProxy(os.environ["AWS_ENDPOINT_URL_S3"]) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", running.url)
        yield running


@pytest.fixture
def read(proxy: FaultProxy, settings: Settings) -> Callable[..., Any]:
    """Return a function that reads the table through the proxy, with other settings for the requests."""

    def rows(**options: Any) -> list[tuple[Any, ...]]:
        client = clients.client(replace(settings.storage, **options))
        return list(Store(clients.filesystem(client), settings.storage.bucket).rows(KEY, DELETES.names))

    return rows


def test_an_answer_after_four_seconds_is_no_error(proxy: FaultProxy, read: Callable[..., Any]) -> None:
    proxy.inject(late(4), operation="GetObject", times=1)
    assert read() == ROWS
    assert [call.operation for call in proxy.calls] == ["GetObject"] * len(proxy.calls)


@pytest.mark.parametrize(
    "fault",
    [truncated(at=0), truncated(at=500), reset(at=500), reset(), unanswered(), refused(503, "SlowDown")],
    ids=["no body", "truncated", "reset in the body", "reset", "unanswered", "busy"],
)
def test_a_fault_of_single_answers_changes_no_result(
    fault: Fault, proxy: FaultProxy, read: Callable[..., Any], settings: Settings
) -> None:
    rule = proxy.inject(fault, operation="GetObject", skip=1, times=1)
    assert read() == ROWS
    assert rule.hits == 1
    proxy.inject(fault, operation="GetObject", times=1)
    client = clients.client(settings.storage)
    assert clients.read_json(client, settings.storage.bucket, DOCUMENT) == {"work": True}


def test_a_body_that_stops_is_read_again(proxy: FaultProxy, read: Callable[..., Any]) -> None:
    proxy.inject(stalled(at=500, seconds=30), operation="GetObject", times=1)
    assert read(answer_seconds=1) == ROWS


def test_a_server_that_is_busy_for_one_in_ten_requests(proxy: FaultProxy, settings: Settings) -> None:
    rule = proxy.inject(refused(503, "SlowDown"), share=0.1, seed=3)
    client, bucket = clients.client(settings.storage), settings.storage.bucket
    for number in range(30):
        clients.write_json(client, bucket, f"runs/one/steps/{number}.json", number)
        assert clients.read_json(client, bucket, f"runs/one/steps/{number}.json") == number
    assert rule.hits >= 3


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (
            refused(503, "SlowDown"),
            r"could not be read in 2 attempts: SlowDown \(HTTP 503\): S3 limits the requests or is not available; ",
        ),
        (refused(500, "InternalError"), r"could not be read in 2 attempts: InternalError \(HTTP 500\)"),
        (unanswered(), r"no answer from S3 \(Connection was closed .*check the network to S3"),
        (late(5), r"no answer from S3 \(Read timeout .*raise VERGER_ANSWER_SECONDS"),
    ],
    ids=["busy", "error", "unanswered", "late"],
)
def test_a_fault_of_every_answer_is_an_error_that_names_the_key(
    fault: Fault, expected: str, proxy: FaultProxy, read: Callable[..., Any], bucket: str
) -> None:
    proxy.inject(fault)
    with pytest.raises(UnavailableError, match=rf"^s3://{bucket}/{KEY}: {expected}"):
        read(request_attempts=2, answer_seconds=1)


def test_a_body_that_is_always_cut_off_is_an_error_that_names_the_key(proxy: FaultProxy, settings: Settings) -> None:
    proxy.inject(truncated(at=5))
    client, bucket = clients.client(settings.storage), settings.storage.bucket
    with pytest.raises(UnavailableError) as caught:
        bodies.read(client, bucket, DOCUMENT, lambda answer: json.load(answer["Body"]), tries=2)
    assert str(caught.value).startswith(
        f"s3://{bucket}/{DOCUMENT}: cannot be read: the answer of S3 ended early or stopped in 2 tries ("
    )
    assert proxy.count("GetObject") == 2


def test_ended_credentials_are_named_and_the_task_may_be_tried_again(
    proxy: FaultProxy, read: Callable[..., Any], settings: Settings
) -> None:
    proxy.inject(refused(400, "ExpiredToken"))
    expected = r"\(ExpiredToken\): the session of the credentials has ended; renew the credentials of the Airflow conn"
    with pytest.raises(UnavailableError, match=rf"{KEY}: may not be read {expected}ection aws_default"):
        read()
    client = clients.client(settings.storage)
    with pytest.raises(UnavailableError, match=r"runs/: may not be listed \(ExpiredToken\): the session"):
        Store(clients.filesystem(client), settings.storage.bucket).sizes("runs/")
    with pytest.raises(UnavailableError, match=r"may not be (read|listed) \(400\): the session"):
        client.head_object(Bucket=settings.storage.bucket, Key=KEY)


def test_a_denied_read_names_the_permission(proxy: FaultProxy, read: Callable[..., Any]) -> None:
    proxy.inject(refused(403, "AccessDenied"))
    with pytest.raises(StorageError, match=rf"{KEY}: may not be read \(AccessDenied\); grant s3:GetObject"):
        read()


def test_the_options_of_the_connection_count_before_the_settings(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = json.dumps({"config_kwargs": {"read_timeout": 7}})
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "extra": extra}))
    config: Any = clients.client(settings.storage).meta.config
    assert (config.read_timeout, config.connect_timeout) == (7, settings.storage.connect_seconds)
    assert config.retries["mode"] == "standard"
    changed: Any = clients.client(settings.storage, read_timeout=3).meta.config
    assert changed.read_timeout == 3


@pytest.mark.parametrize("at", [0, 10, 150])
def test_an_error_whose_body_is_cut_off_is_requested_again(proxy: FaultProxy, settings: Settings, at: int) -> None:
    rule = proxy.inject(truncated(at), operation="GetObject", times=2)
    client = clients.client(settings.storage)
    assert clients.read_json(client, settings.storage.bucket, "runs/one/missing.json") is None
    assert rule.hits == 2
    proxy.inject(truncated(at), operation="GetObject", times=2)
    with pytest.raises(StorageError, match="no such bucket"):
        clients.read_json(client, "no-such-bucket-of-verger", "runs/one/missing.json")


def test_a_conditional_write_whose_refusal_is_cut_off_is_sent_again(proxy: FaultProxy, settings: Settings) -> None:
    client = clients.client(settings.storage)
    rule = proxy.inject(truncated(10), operation="PutObject", times=1)
    with pytest.raises(client.exceptions.ClientError) as it:
        client.put_object(Bucket=settings.storage.bucket, Key=DOCUMENT, Body=b"{}", IfNoneMatch="*")
    assert clients.error_code(it.value) == "PreconditionFailed"
    assert rule.hits == 1


def test_a_list_that_is_cut_off_is_never_taken_for_a_shorter_list(proxy: FaultProxy, settings: Settings) -> None:
    client = clients.client(settings.storage, retries={"total_max_attempts": 2})
    listed = client.list_objects_v2(Bucket=settings.storage.bucket, Prefix="runs/")["KeyCount"]
    for at in (0, 10, 60, 400):
        proxy.inject(truncated(at), operation="ListObjectsV2", times=1)
        assert client.list_objects_v2(Bucket=settings.storage.bucket, Prefix="runs/")["KeyCount"] == listed
        proxy.clear()
        proxy.inject(truncated(at), operation="ListObjectsV2")
        with pytest.raises(UnavailableError):
            client.list_objects_v2(Bucket=settings.storage.bucket, Prefix="runs/")
        proxy.clear()


def test_the_state_of_versions_is_read_again_when_it_is_cut_off(
    proxy: FaultProxy, settings: Settings, client: S3Client
) -> None:
    versioning = {"Status": "Enabled"}
    client.put_bucket_versioning(Bucket=settings.storage.bucket, VersioningConfiguration=versioning)  # type: ignore[arg-type]
    rule = proxy.inject(truncated(0), operation="GetBucketVersioning", times=2)
    found = clients.client(settings.storage).get_bucket_versioning(Bucket=settings.storage.bucket)
    assert found["Status"] == "Enabled"
    assert rule.hits == 2
