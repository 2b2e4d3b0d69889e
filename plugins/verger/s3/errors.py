"""Turns what S3 refuses into an error that says which right is missing, on what, and what to do."""

from __future__ import annotations

from typing import Any

from verger.errors import VergerError
from verger_contract.keys import uri

REFUSED = {
    *("AccessDenied", "403", "Forbidden", "AllAccessDisabled", "AccountProblem"),
    *("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"),
}
RIGHTS = {
    "ListObjectsV2": ("listed", "s3:ListBucket"),
    "HeadBucket": ("listed", "s3:ListBucket"),
    # Without s3:ListBucket, S3 answers so for an object that is not there.
    "GetObject": ("read", "s3:GetObject and s3:ListBucket"),
    "HeadObject": ("read", "s3:GetObject and s3:ListBucket"),
    "ListObjectVersions": ("listed", "s3:ListBucketVersions"),
    "GetBucketVersioning": ("asked for its versioning", "s3:GetBucketVersioning"),
    "ListMultipartUploads": ("listed", "s3:ListBucketMultipartUploads"),
    "AbortMultipartUpload": ("cleaned of unfinished uploads", "s3:AbortMultipartUpload"),
    "DeleteObjects": ("deleted", "s3:DeleteObject"),
    "PutObject": ("written", "s3:PutObject"),
    "CreateMultipartUpload": ("written", "s3:PutObject"),
    "UploadPart": ("written", "s3:PutObject"),
    "CompleteMultipartUpload": ("written", "s3:PutObject"),
}
ASKED = "verger_asked"


class StorageError(VergerError):
    """S3 refused, or something that must be there is not; the message says what to do."""


def explain(client: Any, connection: str) -> None:
    """Have the client raise StorageError for refusals; `connection` is the Airflow connection it was made from.

    All else (a missing key, a failed precondition, a busy server) stays the error that botocore makes of it.
    """

    def remember(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[ASKED] = (params.get("Bucket", ""), params.get("Key", params.get("Prefix", "")))

    def answered(parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        error = parsed.get("Error")
        if error:
            message = _refusal(model.name, context[ASKED], error, connection)
            if message:
                raise StorageError(message)

    def unanswered(exception: Exception, context: dict[str, Any], **_: Any) -> None:
        message = _silence(exception, uri(*context[ASKED]), connection)
        if message:
            raise StorageError(message) from exception

    events = client.meta.events
    events.register("before-parameter-build.s3", remember)
    events.register("after-call.s3", answered)
    events.register("after-call-error.s3", unanswered)


def _refusal(operation: str, asked: tuple[str, str], error: dict[str, Any], connection: str) -> str:
    (bucket, key), code = asked, str(error.get("Code"))
    if code == "NoSuchBucket" or (operation == "HeadBucket" and code == "404"):
        return f"s3://{bucket}: no such bucket; create it or correct VERGER_BUCKET"
    if code not in REFUSED:
        return ""
    done, right = RIGHTS.get(operation, (f"used by {operation}", f"s3:{operation}"))
    return (
        f"{uri(bucket, key)}: may not be {done} ({code}); grant {right} there to the credentials of the Airflow "
        f"connection {connection}, or correct them; S3 says: {error.get('Message') or 'nothing more'}"
    )


def _silence(exception: Exception, address: str, connection: str) -> str:
    from botocore import exceptions

    if isinstance(exception, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        return (
            f"{address}: expected credentials in the Airflow connection {connection} or in the environment, found "
            f"{'none' if isinstance(exception, exceptions.NoCredentialsError) else 'a part of them'}; add them"
        )
    if isinstance(exception, exceptions.EndpointConnectionError):
        return f"{address}: {exception}; start the server or correct AWS_ENDPOINT_URL_S3 and VERGER_REGION"
    return ""
