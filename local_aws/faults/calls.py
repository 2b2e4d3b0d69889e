"""The calls that a proxy sees: which operation of S3 or EMR an HTTP request is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

TARGET = "X-Amz-Target"
"""The header with the operation of a service with the protocol JSON, such as `ElasticMapReduce.RunJobFlow`."""

OF_BUCKET = {"GET": "ListObjects", "HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket"}
OF_KEY = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
OF_QUERY = {
    ("GET", "list-type"): "ListObjectsV2",
    ("GET", "versions"): "ListObjectVersions",
    ("GET", "versioning"): "GetBucketVersioning",
    ("GET", "location"): "GetBucketLocation",
    ("GET", "uploads"): "ListMultipartUploads",
    ("PUT", "partNumber"): "UploadPart",
    ("POST", "delete"): "DeleteObjects",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
}
"""The operations of S3 that a parameter of the URL selects."""


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes
    ----------
    service : str
        s3 or emr.
    operation : str
        Its name in AWS's documents, such as GetObject or RunJobFlow.
    key : str
        The key of the object, or the prefix of a listing. Empty for EMR.
    body : bytes
        The body of the request; empty for S3, whose bodies are large.
    """

    service: str
    operation: str
    key: str
    body: bytes


def call_of(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Call:
    """Return the call of an HTTP request. The URLs of S3 are path-style: `/<bucket>/<key>`."""
    target = headers.get(TARGET)
    if target:
        return Call("emr", target.rpartition(".")[2], "", body)
    parts = urlsplit(url)
    key = unquote(parts.path).lstrip("/").partition("/")[2]
    query = parse_qs(parts.query, keep_blank_values=True)
    selected = (OF_QUERY.get((method, name)) for name in query)
    operation = next(filter(None, selected), None) or (OF_KEY if key else OF_BUCKET).get(method, method)
    return Call("s3", operation, key or "".join(query.get("prefix", [])), b"")
