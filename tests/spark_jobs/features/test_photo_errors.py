"""Which errors of S3 reject one photo, and which end the run. A server sends the answers of S3."""

from __future__ import annotations

import os

import pytest

from tests.ports import free_ports
from tests.spark_jobs.s3_answers import NOT_AUTHORIZED, SSE_C, ErrorAnswer, answering
from verger_contract.errors import VergerError
from verger_contract.reasons import RejectKind
from verger_photo.unreadable import UnreadablePhoto
from verger_spark.features.photo_errors import FEWEST_DENIED, check_access
from verger_spark.features.source import open_source
from verger_spark.io import s3_store

KEY = "images/Kiwi/1.jpg"
ETAG = "d41d8cd98f00b204e9800998ecf8427e"

REJECTED = [
    (ErrorAnswer(404, "NoSuchKey"), RejectKind.DELETED, "deleted since it was listed"),
    (ErrorAnswer(404, "NoSuchVersion"), RejectKind.DELETED, "deleted since it was listed"),
    (ErrorAnswer(404, "AnotherCode"), RejectKind.DELETED, "deleted since it was listed"),
    (ErrorAnswer(405, "MethodNotAllowed"), RejectKind.DELETED, "its current version is a delete marker"),
    (ErrorAnswer(412, "PreconditionFailed"), RejectKind.CHANGED, f"etag was {ETAG}"),
    (
        ErrorAnswer(403, "InvalidObjectState", more="<StorageClass>GLACIER</StorageClass>"),
        RejectKind.ARCHIVED,
        "archived (restore the object",
    ),
    (ErrorAnswer(400, "InvalidRequest", SSE_C), RejectKind.CUSTOMER_KEY, "encrypted with a customer key (SSE-C"),
    (
        ErrorAnswer(
            400,
            "InvalidArgument",
            "Requests specifying Server Side Encryption with Customer provided keys must provide the customer key.",
        ),
        RejectKind.CUSTOMER_KEY,
        "SSE-C",
    ),
    (ErrorAnswer(400, "KeyTooLongError"), RejectKind.KEY_CANNOT_BE_READ, "rename the object"),
    (
        ErrorAnswer(403, "AccessDenied", "Access Denied"),
        RejectKind.ACCESS_DENIED,
        "AccessDenied (HTTP 403): by the pol",
    ),
    (
        ErrorAnswer(403, "AccessDenied", NOT_AUTHORIZED.format("s3:GetObject", "s3:GetObject")),
        RejectKind.ACCESS_DENIED,
        "s3:GetObject is not allowed",
    ),
    (
        ErrorAnswer(403, "AccessDenied", NOT_AUTHORIZED.format("kms:Decrypt", "kms:Decrypt")),
        RejectKind.ACCESS_DENIED,
        "kms:Decrypt is not allowed",
    ),
    (ErrorAnswer(403, "AnotherCode"), RejectKind.ACCESS_DENIED, "AnotherCode (HTTP 403)"),
]
"""An answer of S3, and kind and reason of the reject."""

ENDING = [
    (ErrorAnswer(404, "NoSuchBucket"), "create the bucket"),
    (ErrorAnswer(403, "RequestTimeTooSkewed"), "correct the clock of the node"),
    (ErrorAnswer(403, "SignatureDoesNotMatch"), "correct the credentials"),
    (ErrorAnswer(403, "InvalidAccessKeyId"), "correct the credentials"),
    (ErrorAnswer(400, "ExpiredToken"), "the session of the credentials has ended"),
    (ErrorAnswer(400, "InvalidToken"), "the session of the credentials has ended"),
    (ErrorAnswer(403, "AllAccessDisabled"), "ask AWS Support"),
    (ErrorAnswer(403, "AccountProblem"), "ask AWS Support"),
    (ErrorAnswer(400, "KMS.DisabledException"), "enable the KMS key"),
    (ErrorAnswer(400, "KMS.KMSInvalidStateException", "arn:... is pending deletion."), "cancel its deletion"),
    (ErrorAnswer(400, "KMSInvalidStateException"), "cancel its deletion"),
    (ErrorAnswer(400, "KMS.NotFoundException"), "whose key was deleted"),
    (ErrorAnswer(301, "PermanentRedirect"), "VERGER_REGION"),
    (ErrorAnswer(307, "TemporaryRedirect"), "VERGER_REGION"),
    (ErrorAnswer(400, "AuthorizationHeaderMalformed"), "VERGER_REGION"),
    (ErrorAnswer(503, "SlowDown"), "start a new run later"),
    (ErrorAnswer(500, "InternalError"), "start a new run later"),
    (ErrorAnswer(503, "AnotherCode"), "start a new run later"),
    (ErrorAnswer(400, "RequestTimeout"), "start a new run later"),
    (ErrorAnswer(401, "AnotherCode"), "grant s3:GetObject"),
    (ErrorAnswer(400, "AnotherCode"), "look for the code"),
    (ErrorAnswer(405, "AnotherCode"), "look for the code"),
    (ErrorAnswer(400, "InvalidRequest", "Please use AWS4-HMAC-SHA256."), "look for the code"),
    (
        ErrorAnswer(
            400,
            "InvalidArgument",
            "Requests specifying Server Side Encryption with AWS KMS managed keys must be made over a secure "
            "connection.",
        ),
        "look for the code",
    ),
]
"""An answer of S3, and what the message says."""


def read(monkeypatch: pytest.MonkeyPatch, answer: ErrorAnswer, key: str = KEY) -> bytes:
    with answering(monkeypatch, answer.status, answer.body):
        return open_source("s3://orchard")(key, ETAG)


@pytest.mark.parametrize(("answer", "kind", "reason"), REJECTED, ids=lambda value: getattr(value, "code", None))
def test_errors_of_a_photo_are_rejects(
    monkeypatch: pytest.MonkeyPatch, answer: ErrorAnswer, kind: RejectKind, reason: str
) -> None:
    with pytest.raises(UnreadablePhoto) as unreadable:
        read(monkeypatch, answer)
    assert unreadable.value.kind is kind
    assert reason in str(unreadable.value)
    assert "111122223333" not in str(unreadable.value), "a reject does not name the account"


@pytest.mark.parametrize(("answer", "action"), ENDING, ids=lambda value: getattr(value, "code", None))
def test_errors_of_the_store_name_key_code_and_action(
    monkeypatch: pytest.MonkeyPatch, answer: ErrorAnswer, action: str
) -> None:
    with pytest.raises(VergerError) as failure:
        read(monkeypatch, answer)
    message = str(failure.value)
    assert message.startswith(f"s3://orchard/{KEY}: cannot be read: ")
    assert action in message
    assert "\n" not in message
    if answer.status >= 400:
        assert f": {answer.code} (HTTP {answer.status}): {answer.message};" in message


@pytest.mark.parametrize(("status", "kind"), [(403, RejectKind.ACCESS_DENIED), (404, RejectKind.DELETED)])
@pytest.mark.parametrize("body", [b"", b"<html><body>denied</body></html>", b"<Error><Code>"])
def test_an_answer_without_a_code_is_judged_by_its_status(
    monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, kind: RejectKind
) -> None:
    with answering(monkeypatch, status, body), pytest.raises(UnreadablePhoto) as unreadable:
        open_source("s3://orchard")(KEY, ETAG)
    assert unreadable.value.kind is kind


@pytest.mark.parametrize(
    "key",
    [
        'images/Kiwi/<Code>NoSuchBucket</Code> status: 400, "x".jpg',
        "images/Server returned non-2xx status code: 500 <Error><Code>SlowDown</Code></Error>/é %0A.jpg",
    ],
)
def test_a_key_that_looks_like_an_answer_changes_nothing(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    with pytest.raises(UnreadablePhoto) as unreadable:
        read(monkeypatch, ErrorAnswer(403, "InvalidObjectState", 'quoted "text"\n\nDebug source:\n  status: 404,'), key)
    assert unreadable.value.kind is RejectKind.ARCHIVED


def test_no_answer_and_no_credentials_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_store, "RETRIES", {"max_retries": 0})
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{free_ports(1)}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(VergerError, match=f"s3://orchard/{KEY}: cannot be read: no answer: .*; S3 does not answer"):
        open_source("s3://orchard")(KEY, ETAG)


def test_an_answer_of_the_metadata_service_is_none_of_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a role, the metadata service answers 404. That says nothing about the photo."""
    with answering(monkeypatch, 404, b"") as requests:
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", os.environ["AWS_ENDPOINT_URL_S3"])
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(VergerError, match=f"s3://orchard/{KEY}: cannot be read: .*the nodes have no credentials"):
            open_source("s3://orchard")(KEY, ETAG)
    assert all(KEY not in request for request in requests)


def test_denied_access_to_all_photos_ends_the_run() -> None:
    denied = {"access denied": FEWEST_DENIED}
    with pytest.raises(VergerError, match=r"^s3://orchard: access is denied to 20 of 22 photos.*grant s3:GetObject"):
        check_access("s3://orchard", 0, {**denied, "no label": 2})
    check_access("s3://orchard", 1, denied)
    check_access("s3://orchard", 0, {"access denied": FEWEST_DENIED - 1})
    check_access("s3://orchard", 0, {**denied, "not an image": FEWEST_DENIED})
    check_access("s3://orchard", 0, {})
