"""Signatures of requests that botocore signs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local_aws.iam.signature import SignatureError, read, verify

SECRET = "secret"
KEYS = Credentials("AKIA", SECRET, "token")
HOST = "127.0.0.1:8333"


def signed(url: str, make: Callable[..., Any], service: str, body: bytes = b"") -> tuple[str, Message]:
    """Return the path and the headers of a signed request."""
    request = AWSRequest("PUT", f"http://{HOST}{url}", {"Content-Type": "text/plain"}, body)
    make(KEYS, service, "eu-west-3").add_auth(request)
    headers = Message()
    for name, value in {**dict(request.headers.items()), "Host": HOST}.items():
        headers[name] = value
    return str(request.url).removeprefix(f"http://{HOST}"), headers


def check(path: str, headers: Message, body: bytes = b"", secret: str = SECRET) -> None:
    verify(read(path, headers), "PUT", path, headers, body, secret=secret)


@pytest.mark.parametrize("path", ["/orchard/a%20b/%C3%A9?partNumber=1&uploadId=u", "/orchard?prefix=run%3Da~b&delete"])
def test_a_request_to_s3_is_verified_with_signature_in_header_and_query(path: str) -> None:
    for make in (S3SigV4Auth, S3SigV4QueryAuth):
        sent, headers = signed(path, make, "s3")
        found = read(sent, headers)
        assert (found.key_id, found.token) == ("AKIA", "token")
        check(sent, headers)
        with pytest.raises(SignatureError):
            check(sent, headers, secret="other")
        with pytest.raises(SignatureError):
            check(sent.replace("orchard", "other"), headers)


def test_the_encoding_of_a_tilde_makes_no_difference() -> None:
    sent, headers = signed("/orchard?prefix=a~b", S3SigV4Auth, "s3")
    check(sent.replace("~", "%7E"), headers)


def test_the_body_of_a_json_service_is_signed() -> None:
    sent, headers = signed("/", SigV4Auth, "elasticmapreduce", b"{}")
    check(sent, headers, b"{}")
    with pytest.raises(SignatureError):
        check(sent, headers, b"{ }")


def test_an_old_or_unsigned_request_is_refused() -> None:
    sent, headers = signed("/orchard", S3SigV4Auth, "s3")
    old = (datetime.now(UTC) - timedelta(minutes=16)).strftime("%Y%m%dT%H%M%SZ")
    for changed in (old, ""):
        headers.replace_header("X-Amz-Date", changed)
        with pytest.raises(SignatureError):
            check(sent, headers)
    with pytest.raises(SignatureError) as error:
        read("/orchard", {})
    assert error.value.code == "MissingAuthenticationTokenException"
