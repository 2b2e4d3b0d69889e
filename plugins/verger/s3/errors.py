"""Error messages for S3: what failed with which object, which permission is missing, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from verger import cut_answers
from verger_contract.errors import VergerError
from verger_contract.keys import uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCESS_CODES = {
    *("AccessDenied", "403", "Forbidden", "AllAccessDisabled", "AccountProblem"),
    *("InvalidAccessKeyId", "SignatureDoesNotMatch"),
}
"""Error codes of a request that lacks a permission or has wrong credentials."""

ENDED_SESSION_CODES = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken"}
"""Error codes of temporary credentials that are valid no longer. STS and EMR use the second one."""

PERMISSIONS = {
    "ListObjectsV2": ("listed", "s3:ListBucket"),
    "HeadBucket": ("listed", "s3:ListBucket"),
    # Without s3:ListBucket, S3 answers 403 instead of 404 for a missing object.
    "GetObject": ("read", "s3:GetObject and s3:ListBucket"),
    "HeadObject": ("read", "s3:GetObject and s3:ListBucket"),
    "ListObjectVersions": ("listed", "s3:ListBucketVersions"),
    "GetBucketVersioning": ("read for its versioning state", "s3:GetBucketVersioning"),
    "ListMultipartUploads": ("listed", "s3:ListBucketMultipartUploads"),
    "AbortMultipartUpload": ("cleared of unfinished uploads", "s3:AbortMultipartUpload"),
    "DeleteObjects": ("deleted", "s3:DeleteObject"),
    "PutObject": ("written", "s3:PutObject"),
    "CreateMultipartUpload": ("written", "s3:PutObject"),
    "UploadPart": ("written", "s3:PutObject"),
    "CompleteMultipartUpload": ("written", "s3:PutObject"),
}
"""By S3 operation: what may not be done with the object, and the IAM permissions that allow it."""

NO_BODY = ("Head", "400")
"""S3 refuses a HEAD request with ended credentials by the status alone: the answer has no body for the code."""

SERVER_ERRORS = 500
TOO_MANY_REQUESTS = 429

REQUEST = "verger_request"


class StorageError(VergerError):
    """S3 refused a request, or a required object is missing; the message says what to do."""


class UnavailableError(OSError):
    """S3 gave no usable answer within attempts and time limits, or the session of the credentials has ended.

    A later try may succeed, so Airflow tries the task again. The message says what to do.
    """


def raise_storage_errors(client: S3Client, connection: str) -> None:
    """Make the client raise StorageError or UnavailableError instead of botocore's errors.

    StorageError: missing permissions, buckets and credentials. UnavailableError: no answer, a busy server, ended
    credentials. Other errors (a missing key, a failed precondition) stay botocore's.

    Parameters
    ----------
    connection
        The Airflow connection of the client, for the message.
    """

    def keep_request(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[REQUEST] = (params.get("Bucket", ""), params.get("Key", params.get("Prefix", "")))

    def check_response(parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        if cut_answers.is_cut_off(model.name, parsed):
            raise UnavailableError(cut_off(uri(*context[REQUEST])))
        if parsed.get("Error"):
            error = _refused(model.name, context[REQUEST], parsed, connection)
            if error:
                raise error

    def check_exception(exception: Exception, context: dict[str, Any], **_: Any) -> None:
        error = _unanswered(exception, uri(*context[REQUEST]), connection)
        if error:
            raise error from exception

    events = client.meta.events
    events.register("before-parameter-build.s3", keep_request)
    events.register("after-call.s3", check_response)
    events.register("after-call-error.s3", check_exception)


@contextmanager
def explained_credentials(connection: str) -> Iterator[None]:
    """Raise StorageError or UnavailableError when the credentials of the connection cannot be had.

    A connection with a role requests its credentials from STS when a client is made, and again before they expire.
    """
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        raise _without_credentials(error, connection) from error


def cut_off(address: str) -> str:
    """Return the message for an answer without its end."""
    return f"{address}: the answers of S3 were cut off in all attempts; check the network to S3, then try again"


def no_credentials(address: str, connection: str, found: str = "none") -> str:
    """Return the message for a connection without complete credentials."""
    return (
        f"{address}: expected credentials in the Airflow connection {connection} or in the environment, found "
        f"{found}; add them"
    )


def ended_session(subject: str, code: str, connection: str, message: str) -> str:
    """Return the message for temporary credentials that are valid no longer."""
    return (
        f"{subject} ({code}): the session of the credentials has ended; renew the credentials of the Airflow "
        f"connection {connection}, or let it assume a role, whose sessions are renewed before they end: the next try "
        f"of the task reads the connection again; message of AWS: {message or 'none'}"
    )


def _without_credentials(error: Any, connection: str) -> Exception:
    """Return the error of a request to STS that failed."""
    found = error.response.get("Error", {})
    code, message = str(found.get("Code")), str(found.get("Message", ""))
    subject = f"Airflow connection {connection}: {error.operation_name} was refused"
    if code in ENDED_SESSION_CODES:
        return UnavailableError(ended_session(subject, code, connection, message))
    return StorageError(
        f"{subject} ({code}); grant sts:{error.operation_name} on the role to the credentials of the connection, or "
        f"correct the role; message of AWS: {message or 'none'}"
    )


def _refused(
    operation: str, request: tuple[str, str], parsed: dict[str, Any], connection: str
) -> StorageError | UnavailableError | None:
    (bucket, key), error, answer = request, parsed["Error"], parsed["ResponseMetadata"]
    code, message, status = str(error.get("Code")), error.get("Message"), answer.get("HTTPStatusCode", 0)
    if code == "NoSuchBucket" or (operation == "HeadBucket" and code == "404"):
        return StorageError(f"s3://{bucket}: no such bucket; create it or correct VERGER_BUCKET")
    done, permission = PERMISSIONS.get(operation, (f"used by {operation}", f"s3:{operation}"))
    subject = f"{uri(bucket, key)}: may not be {done}"
    if code in ENDED_SESSION_CODES or (operation.startswith(NO_BODY[0]) and code == NO_BODY[1]):
        return UnavailableError(ended_session(subject, code, connection, message))
    if code in ACCESS_CODES:
        return StorageError(
            f"{subject} ({code}); grant {permission} there to the credentials of the Airflow connection {connection}, "
            f"or correct them; message of S3: {message or 'none'}"
        )
    if status >= SERVER_ERRORS or status == TOO_MANY_REQUESTS:
        return UnavailableError(
            f"{uri(bucket, key)}: could not be {done} in {answer.get('RetryAttempts', 0) + 1} attempts: {code} "
            f"(HTTP {status}): S3 limits the requests or is not available; try again later, or raise "
            f"VERGER_REQUEST_ATTEMPTS; message of S3: {message or 'none'}"
        )
    return None


def _unanswered(exception: Exception, address: str, connection: str) -> Exception | None:
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    if isinstance(exception, exceptions.NoCredentialsError):
        return StorageError(no_credentials(address, connection))
    if isinstance(exception, exceptions.PartialCredentialsError):
        return StorageError(no_credentials(address, connection, "only a part of them"))
    if isinstance(exception, exceptions.ClientError):  # of the request for credentials that precedes this request
        return _without_credentials(exception, connection)
    if isinstance(exception, exceptions.EndpointConnectionError):
        return UnavailableError(
            f"{address}: {exception}; start the server, or correct AWS_ENDPOINT_URL_S3, VERGER_REGION or the network"
        )
    if isinstance(exception, exceptions.HTTPClientError | exceptions.ConnectionError | ResponseParserError):
        return UnavailableError(
            f"{address}: no answer from S3 ({exception}); check the network to S3, or raise VERGER_ANSWER_SECONDS, "
            "then try again"
        )
    return None
