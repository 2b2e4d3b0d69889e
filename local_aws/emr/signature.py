"""Check the signature of a request (Signature Version 4) against the credentials of the stack.

The EMR server runs commands for its clients. The loopback address excludes other machines. The signature excludes other
users of this machine and pages in a browser.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.message import Message
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SigningCredentials

from local_aws.credentials import Credentials

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,\s*"
    r"SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
#: Largest difference between the date of a request and the clock, as on AWS, s.
TOLERANCE_S = 900


class SignatureError(Exception):
    """A request without a valid signature; `code` is the error code of AWS."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def check(method: str, path: str, headers: Mapping[str, Any] | Message, body: bytes, credentials: Credentials) -> None:
    """Raise SignatureError unless the request has a valid and recent signature with `credentials`."""
    found = AUTHORIZATION.fullmatch(headers.get("Authorization") or "")
    if found is None:
        raise SignatureError("MissingAuthenticationTokenException", "Missing Authentication Token")
    if found["key"] != credentials.access_key_id:
        raise SignatureError(
            "UnrecognizedClientException",
            "The security token included in the request is invalid: not the access key of this stack"
            " (`python -m local_aws env` prints it).",
        )
    date = headers.get("X-Amz-Date") or ""
    try:
        age = datetime.now(UTC) - datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise SignatureError("IncompleteSignatureException", f"X-Amz-Date: not a date: {date!r}") from None
    if abs(age.total_seconds()) > TOLERANCE_S:
        raise SignatureError("InvalidSignatureException", f"Signature expired: {date} is too far from the clock here")
    request = AWSRequest(method=method, url=f"http://{headers.get('Host')}{path}", data=body)
    for name in found["headers"].split(";"):
        request.headers[name] = headers.get(name) or ""
    request.context["timestamp"] = date
    signer = SigV4Auth(
        SigningCredentials(credentials.access_key_id, credentials.secret_access_key),
        found["service"],
        found["region"],
    )
    expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    if not hmac.compare_digest(str(expected), found["signature"]):
        raise SignatureError(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret"
            " Access Key and signing method.",
        )
