"""The error codes of S3 that concern the store: other objects of the bucket have the same error. And what to do.

https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html lists the error codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REGION = "the bucket lies in another region, or the endpoint is not S3's: correct VERGER_REGION, or AWS_ENDPOINT_URL_S3"
WRONG_CREDENTIALS = (
    "correct the credentials of the nodes: their instance profile, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)
ENDED_SESSION = "the session of the credentials has ended: renew them, then start a new run"
ACCOUNT = "AWS has blocked the account or the bucket: ask AWS Support"
BUSY = "S3 limits the requests or is not available: start a new run later"
NO_ANSWER = (
    "S3 does not answer: check the network of the nodes (route, VPC endpoint, security group) and AWS_ENDPOINT_URL_S3"
)
KMS_KEY = (
    "enable the KMS key or cancel its deletion; objects whose key was deleted cannot be read: delete or replace them"
)

TOO_MANY_REQUESTS = 429
SERVER_ERRORS = 500
REDIRECTS = range(300, 400)

ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "NoSuchBucket": "create the bucket, or correct its name (VERGER_BUCKET) or the endpoint (AWS_ENDPOINT_URL_S3)",
        "NoSuchAccessPoint": "correct the name of the access point (VERGER_BUCKET)",
        "InvalidBucketName": "correct the name of the bucket (VERGER_BUCKET)",
        "RequestTimeTooSkewed": "correct the clock of the node, then start a new run",
        "RequestExpired": "correct the clock of the node, then start a new run",
        **dict.fromkeys(
            (
                *("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidSecurity", "MissingSecurityHeader"),
                *("MissingAuthenticationToken", "MissingAuthenticationTokenException", "AuthFailure"),
                *("InvalidClientTokenId", "UnrecognizedClientException", "CredentialsNotSupported"),
            ),
            WRONG_CREDENTIALS,
        ),
        **dict.fromkeys(
            ("ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"), ENDED_SESSION
        ),
        **dict.fromkeys(
            (
                *("AllAccessDisabled", "AccountProblem", "NotSignedUp", "InvalidPayer", "OptInRequired"),
                *("UnauthorizedAccess", "UnauthorizedAccessError", "AccountSuspended"),
            ),
            ACCOUNT,
        ),
        **dict.fromkeys(
            (
                *("PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed"),
                *("IllegalLocationConstraintException", "IncorrectEndpoint"),
            ),
            REGION,
        ),
        **dict.fromkeys(
            (
                *("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "RequestLimitExceeded"),
                *("Throttling", "ThrottlingException", "KMS.ThrottlingException", "BandwidthLimitExceeded"),
                *("TooManyRequests", "TooManyRequestsException", "Busy"),
            ),
            BUSY,
        ),
    }
)
"""What to do, by error code."""


def is_of_the_store(code: str) -> bool:
    """Whether a code concerns the store.

    Examples
    --------
    >>> [is_of_the_store(code) for code in ("NoSuchBucket", "KMS.DisabledException", "NoSuchKey", "AccessDenied")]
    [True, True, False, False]
    """
    return code in ACTIONS or _is_of_kms(code)


def action(code: str, status: int | None, permissions: str) -> str:
    """Return what to do for an error.

    Parameters
    ----------
    code : str
        Empty if it is not known.
    status : int or None
        The HTTP status. None without an answer.
    permissions : str
        The IAM permissions of the request.
    """
    if code in ACTIONS:
        return ACTIONS[code]
    if _is_of_kms(code):
        return KMS_KEY
    return _action_of_status(status, permissions)


def _is_of_kms(code: str) -> bool:
    return code.startswith(("KMS.", "KMSInvalidState")) and "AccessDenied" not in code


def _action_of_status(status: int | None, permissions: str) -> str:
    if status is None:
        return NO_ANSWER
    if status in (401, 403):
        return f"grant {permissions} there to the role of the nodes"
    if status == TOO_MANY_REQUESTS or status >= SERVER_ERRORS:
        return BUSY
    if status in REDIRECTS:
        return REGION
    return "look for the code in S3's list of error codes, correct the cause, then start a new run"
