"""Answers of S3 to requests that are refused, in its XML."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from xml.sax.saxutils import escape

S3_ERRORS = {
    "MissingAuthenticationTokenException": (403, "AccessDenied"),
    "UnrecognizedClientException": (403, "InvalidAccessKeyId"),
    "IncompleteSignatureException": (400, "AuthorizationHeaderMalformed"),
    "InvalidSignatureException": (403, "SignatureDoesNotMatch"),
    "AccessDeniedException": (403, "AccessDenied"),
    "XAmzContentSHA256Mismatch": (400, "XAmzContentSHA256Mismatch"),
    "InvalidToken": (400, "InvalidToken"),
    "ExpiredToken": (400, "ExpiredToken"),
}
"""Status and code of S3 by the code of a SignatureError or TokenError."""


@dataclass(frozen=True)
class Answer:
    """An answer over HTTP."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def error(status: int, code: str, message: str) -> Answer:
    """Return an error of S3."""
    number = secrets.token_hex(8).upper()
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{escape(message)}</Message>'
        f"<RequestId>{number}</RequestId><HostId>local_aws</HostId></Error>"
    )
    return Answer(status, [("Content-Type", "application/xml"), ("x-amz-request-id", number)], body.encode())


def denied(message: str) -> Answer:
    """Return the answer to a request that the policies do not allow."""
    return error(403, "AccessDenied", message)


def of_signature(code: str, message: str) -> Answer:
    """Return the answer to a request without a valid signature."""
    status, name = S3_ERRORS[code]
    return error(status, name, message)
