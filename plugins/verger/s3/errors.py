"""Error messages for S3: which permission is missing, on which object, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from verger_contract.errors import VergerError
from verger_contract.keys import uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCESS_CODES = {
    *("AccessDenied", "403", "Forbidden", "AllAccessDisabled", "AccountProblem"),
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"),
}
"""Error codes of a request that lacks a permission or has wrong credentials."""

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

REQUEST = "verger_request"


class StorageError(VergerError):
    """S3 refused a request, or a required object is missing; the message says what to do."""


def raise_storage_errors(client: S3Client, connection: str) -> None:
    """Make the client raise StorageError for errors that a retry does not fix.

    These are missing permissions, buckets and credentials, and endpoints where no server answers. Other errors (a
    missing key, a failed precondition, a busy server) stay botocore's.

    Parameters
    ----------
    connection
        The Airflow connection of the client, for the message.
    """

    def keep_request(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[REQUEST] = (params.get("Bucket", ""), params.get("Key", params.get("Prefix", "")))

    def check_response(parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        error = parsed.get("Error")
        if error:
            message = _refused(model.name, context[REQUEST], error, connection)
            if message:
                raise StorageError(message)

    def check_exception(exception: Exception, context: dict[str, Any], **_: Any) -> None:
        message = _unanswered(exception, uri(*context[REQUEST]), connection)
        if message:
            raise StorageError(message) from exception

    events = client.meta.events
    events.register("before-parameter-build.s3", keep_request)
    events.register("after-call.s3", check_response)
    events.register("after-call-error.s3", check_exception)


def no_credentials(address: str, connection: str, found: str = "none") -> str:
    """Return the message for a connection without complete credentials."""
    return (
        f"{address}: expected credentials in the Airflow connection {connection} or in the environment, found "
        f"{found}; add them"
    )


def _refused(operation: str, request: tuple[str, str], error: dict[str, Any], connection: str) -> str:
    (bucket, key), code = request, str(error.get("Code"))
    if code == "NoSuchBucket" or (operation == "HeadBucket" and code == "404"):
        return f"s3://{bucket}: no such bucket; create it or correct VERGER_BUCKET"
    if code not in ACCESS_CODES:
        return ""
    done, permission = PERMISSIONS.get(operation, (f"used by {operation}", f"s3:{operation}"))
    return (
        f"{uri(bucket, key)}: may not be {done} ({code}); grant {permission} there to the credentials of the Airflow "
        f"connection {connection}, or correct them; message of S3: {error.get('Message') or 'none'}"
    )


def _unanswered(exception: Exception, address: str, connection: str) -> str:
    from botocore import exceptions

    if isinstance(exception, exceptions.NoCredentialsError):
        return no_credentials(address, connection)
    if isinstance(exception, exceptions.PartialCredentialsError):
        return no_credentials(address, connection, "only a part of them")
    if isinstance(exception, exceptions.EndpointConnectionError):
        return f"{address}: {exception}; start the server or correct AWS_ENDPOINT_URL_S3 and VERGER_REGION"
    return ""
