"""Verify the signature of a request (Signature Version 4), in its header or in its query.

botocore computes the signature that the request must have.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SigningCredentials

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request,\s*"
    r"SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
CREDENTIAL = re.compile(r"(?P<key>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
#: Largest difference between the date of a request and the clock, as on AWS, s.
TOLERANCE_S = 900
QUERY = "X-Amz-"
"""Beginning of the parameters of a presigned URL."""
S3 = "s3"
UNRESERVED = "-_.~"
"""Characters beside letters and digits that a signed URL does not encode."""

Headers = Mapping[str, Any] | Message


class SignatureError(Exception):
    """A request without a valid signature; `code` is the error code of AWS's JSON services."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Signature:
    """The signature of a request, as it was sent.

    Attributes
    ----------
    key_id, day, region, service, date, value : str
        Access key, its scope, the time of the request (`20261127T080000Z`), and the signature in hex.
    headers : tuple of str
        Names of the signed headers.
    token : str or None
        The session token of temporary credentials.
    expires_s : int or None
        Seconds for which a presigned URL is valid; None for a signature in the header.
    """

    key_id: str
    day: str
    region: str
    service: str
    headers: tuple[str, ...]
    value: str
    date: str
    token: str | None
    expires_s: int | None = None

    @property
    def scope(self) -> str:
        """The scope of the signing key."""
        return f"{self.day}/{self.region}/{self.service}/aws4_request"


def read(path: str, headers: Headers) -> Signature:
    """Return the signature of a request.

    Raises
    ------
    SignatureError
        The request is not signed.
    """
    query = dict(parse_qsl(urlsplit(path).query, keep_blank_values=True))
    if "X-Amz-Signature" in query:
        scope = CREDENTIAL.fullmatch(query.get("X-Amz-Credential", ""))
        if scope is None or not query.get("X-Amz-Expires", "").isdigit():
            raise SignatureError("IncompleteSignatureException", "X-Amz-Credential or X-Amz-Expires: not valid")
        return Signature(
            scope["key"], scope["day"], scope["region"], scope["service"],
            tuple(query.get("X-Amz-SignedHeaders", "").split(";")), query["X-Amz-Signature"],
            query.get("X-Amz-Date", ""), query.get("X-Amz-Security-Token"), int(query["X-Amz-Expires"]),
        )  # fmt: skip
    found = AUTHORIZATION.fullmatch(headers.get("Authorization") or "")
    if found is None:
        raise SignatureError("MissingAuthenticationTokenException", "Missing Authentication Token")
    return Signature(
        found["key"], found["day"], found["region"], found["service"], tuple(found["headers"].split(";")),
        found["signature"], headers.get("X-Amz-Date") or "", headers.get("X-Amz-Security-Token"),
    )  # fmt: skip


def verify(signature: Signature, method: str, path: str, headers: Headers, body: bytes, *, secret: str) -> None:
    """Compare the signature of a request with the one that botocore computes with `secret`.

    For S3, the header X-Amz-Content-SHA256 is a part of what is signed. The caller compares it with the body.

    Raises
    ------
    SignatureError
        The signature is another, or too old.
    """
    _check_date(signature)
    address = normal(path, without=f"{QUERY}Signature")
    request = AWSRequest(method=method, url=f"http://{headers.get('Host')}{address}", data=body)
    for name in signature.headers:
        request.headers[name] = headers.get(name) or ""
    request.context["timestamp"] = signature.date
    signer = _signer(signature, secret)
    expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    if not hmac.compare_digest(str(expected), signature.value):
        raise SignatureError(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret"
            " Access Key and signing method.",
        )


def normal(path: str, without: str = "") -> str:
    """Return a path with its query in the encoding that signatures use. Clients encode `~`, for example, or do not.

    Parameters
    ----------
    path : str
    without : str
        Parameters of the query that begin with this text are left out; empty: none.

    Examples
    --------
    >>> normal("/a%7eb/%C3%A9?prefix=run%3Da%7Eb&uploads", without="X-Amz-")
    '/a~b/%C3%A9?prefix=run%3Da~b&uploads='
    """
    parts = urlsplit(path)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = "&".join(
        f"{quote(name, safe=UNRESERVED)}={quote(value, safe=UNRESERVED)}"
        for name, value in pairs
        if not without or not name.startswith(without)
    )
    return f"{quote(unquote(parts.path), safe=f'/{UNRESERVED}')}{'?' if query else ''}{query}"


def _signer(signature: Signature, secret: str) -> SigV4Auth:
    make: Callable[..., SigV4Auth] = SigV4Auth
    if signature.service == S3:
        make = S3SigV4Auth if signature.expires_s is None else S3SigV4QueryAuth
    return make(SigningCredentials(signature.key_id, secret), signature.service, signature.region)


def _check_date(signature: Signature) -> None:
    try:
        sent = datetime.strptime(signature.date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise SignatureError("IncompleteSignatureException", f"X-Amz-Date: not a date: {signature.date!r}") from None
    age = (datetime.now(UTC) - sent).total_seconds()
    if signature.expires_s is not None:
        if age > signature.expires_s:
            raise SignatureError("AccessDeniedException", "Request has expired")
    elif abs(age) > TOLERANCE_S:
        raise SignatureError(
            "InvalidSignatureException", f"Signature expired: {signature.date} is too far from the clock here"
        )
