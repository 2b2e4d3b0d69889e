"""The actions of IAM that a request to S3 needs.

The table is "Actions, resources, and condition keys for Amazon S3" in AWS's Service Authorization Reference, and
"Required permissions for Amazon S3 API operations" in the User Guide of S3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree

from local_aws.iam.account import Account
from local_aws.iam.evaluator import Request

OF_BUCKET = {
    ("GET", ""): "ListBucket", ("HEAD", ""): "ListBucket", ("PUT", ""): "CreateBucket", ("DELETE", ""): "DeleteBucket",
    ("GET", "versions"): "ListBucketVersions", ("GET", "uploads"): "ListBucketMultipartUploads",
    ("GET", "location"): "GetBucketLocation",
    ("GET", "versioning"): "GetBucketVersioning", ("PUT", "versioning"): "PutBucketVersioning",
    ("GET", "encryption"): "GetEncryptionConfiguration", ("PUT", "encryption"): "PutEncryptionConfiguration",
    ("DELETE", "encryption"): "PutEncryptionConfiguration",
    ("GET", "publicAccessBlock"): "GetBucketPublicAccessBlock",
    ("PUT", "publicAccessBlock"): "PutBucketPublicAccessBlock",
    ("DELETE", "publicAccessBlock"): "PutBucketPublicAccessBlock",
    ("GET", "lifecycle"): "GetLifecycleConfiguration", ("PUT", "lifecycle"): "PutLifecycleConfiguration",
    ("DELETE", "lifecycle"): "PutLifecycleConfiguration",
    ("GET", "policy"): "GetBucketPolicy", ("PUT", "policy"): "PutBucketPolicy",
    ("DELETE", "policy"): "DeleteBucketPolicy",
    ("GET", "acl"): "GetBucketAcl", ("PUT", "acl"): "PutBucketAcl",
    ("GET", "tagging"): "GetBucketTagging", ("PUT", "tagging"): "PutBucketTagging",
    ("DELETE", "tagging"): "PutBucketTagging",
}  # fmt: skip
"""Actions on a bucket, by method and parameter of the URL."""

OF_KEY = {
    ("GET", ""): "GetObject", ("HEAD", ""): "GetObject", ("PUT", ""): "PutObject", ("DELETE", ""): "DeleteObject",
    ("POST", "uploads"): "PutObject", ("PUT", "uploadId"): "PutObject", ("POST", "uploadId"): "PutObject",
    ("GET", "uploadId"): "ListMultipartUploadParts", ("DELETE", "uploadId"): "AbortMultipartUpload",
    ("GET", "acl"): "GetObjectAcl", ("PUT", "acl"): "PutObjectAcl",
    ("GET", "tagging"): "GetObjectTagging", ("PUT", "tagging"): "PutObjectTagging",
    ("DELETE", "tagging"): "DeleteObjectTagging", ("POST", "restore"): "RestoreObject",
}  # fmt: skip
"""Actions on an object, by method and parameter of the URL."""

OF_VERSIONS = {
    "GetObject": "GetObjectVersion", "DeleteObject": "DeleteObjectVersion",
    "GetObjectAcl": "GetObjectVersionAcl", "PutObjectAcl": "PutObjectVersionAcl",
    "GetObjectTagging": "GetObjectVersionTagging", "PutObjectTagging": "PutObjectVersionTagging",
    "DeleteObjectTagging": "DeleteObjectVersionTagging",
}  # fmt: skip
"""Actions whose name is another when the request names a version."""

SUBRESOURCES = {name for _, name in (*OF_BUCKET, *OF_KEY)} - {""} | {
    *("accelerate", "analytics", "attributes", "cors", "delete", "intelligent-tiering", "inventory", "legal-hold"),
    *("logging", "metrics", "notification", "object-lock", "ownershipControls", "policyStatus", "replication"),
    *("requestPayment", "retention", "select", "torrent", "website"),
}
LIST_KEYS = {"prefix": "s3:prefix", "delimiter": "s3:delimiter", "max-keys": "s3:max-keys"}
COPY_SOURCE = "x-amz-copy-source"
OF_HEADERS = {"x-amz-acl": "PutObjectAcl", "x-amz-tagging": "PutObjectTagging"}
READS, WRITES = {"GetObject", "GetObjectVersion"}, {"PutObject"}

Headers = Mapping[str, Any] | Message


class UnknownOperationError(Exception):
    """A request whose action is not in the tables. It is refused, so that no request passes without a decision."""


@dataclass(frozen=True)
class Call:
    """A request to S3 with a path-style URL. `secure`: whether the client used TLS."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Headers
    secure: bool

    @classmethod
    def of(cls, method: str, path: str, headers: Headers, *, secure: bool) -> Call:
        """Return the call of an HTTP request."""
        parts = urlsplit(path)
        bucket, _, key = unquote(parts.path).removeprefix("/").partition("/")
        return cls(method, bucket, key, dict(parse_qsl(parts.query, keep_blank_values=True)), headers, secure)

    @property
    def deletes_many(self) -> bool:
        """Whether it is DeleteObjects: each key has a decision of its own."""
        return self.method == "POST" and "delete" in self.query and not self.key

    def on(self, action: str, bucket: str, key: str = "", **context: str) -> Request:
        """Return a request for a bucket or an object."""
        keys = {"aws:SecureTransport": str(self.secure).lower(), **context}
        return Request(f"s3:{action}", f"arn:aws:s3:::{bucket}{'/' if key else ''}{key}", keys)

    def requests(self, account: Account) -> list[Request]:
        """Return everything that must be allowed.

        Raises
        ------
        UnknownOperationError
            The tables of this module do not have the operation.
        """
        if not self.bucket:
            return [Request("s3:ListAllMyBuckets", "*", {"aws:SecureTransport": str(self.secure).lower()})]
        action = self._action()
        if not self.key:
            keys = {LIST_KEYS[name]: value for name, value in self.query.items() if name in LIST_KEYS}
            return [self.on(action, self.bucket, **keys)]
        if "versionId" in self.query:
            action = OF_VERSIONS.get(action, action)
        actions = [action, *(more for header, more in OF_HEADERS.items() if self.headers.get(header))]
        found = [self.on(name, self.bucket, self.key) for name in actions]
        if source := self.headers.get(COPY_SOURCE):
            found.append(self._read_of_copy(source))
        return [*found, *self._of_encryption(found, account)]

    def _action(self) -> str:
        table = OF_KEY if self.key else OF_BUCKET
        named = sorted(SUBRESOURCES & self.query.keys(), reverse=True)  # uploadId and partNumber come together
        action = table.get((self.method, named[0] if named else ""))
        if action is None:
            raise UnknownOperationError(f"{self.method} with {', '.join(named) or 'no parameter'}")
        return action

    def _read_of_copy(self, source: str) -> Request:
        path, _, version = source.partition("?versionId=")
        bucket, _, key = unquote(path).removeprefix("/").partition("/")
        return self.on("GetObjectVersion" if version else "GetObject", bucket, key)

    def _of_encryption(self, requests: Iterable[Request], account: Account) -> list[Request]:
        """Return the requests for the key: by default, the bucket of the template encrypts every object with it.

        Parts are encrypted, and decrypted when the upload is completed. A HEAD decrypts nothing, unless it requests
        the checksum.
        """
        names = {
            request.action.removeprefix("s3:")
            for request in requests
            if request.resource.startswith(f"{account.bucket_arn}/")
        }
        decrypts = names & READS and (self.method != "HEAD" or self.headers.get("x-amz-checksum-mode"))
        multipart = names & WRITES and {"uploads", "uploadId"} & self.query.keys()
        found = [Request("kms:GenerateDataKey", account.key)] if names & WRITES else []
        return [*found, *([Request("kms:Decrypt", account.key)] if decrypts or multipart else [])]


@dataclass(frozen=True)
class Deleted:
    """An object of a DeleteObjects request. `version` is empty when the request names none."""

    key: str
    version: str

    def request(self, call: Call) -> Request:
        """Return what must be allowed to delete it."""
        return call.on("DeleteObjectVersion" if self.version else "DeleteObject", call.bucket, self.key)


def deleted(body: bytes) -> tuple[list[Deleted], bool]:
    """Return the objects of a DeleteObjects request, and whether it is quiet."""
    root = ElementTree.fromstring(body)  # noqa: S314 (signed by a client of this stack)
    texts: list[dict[str, str]] = []
    quiet = False
    for child in root:
        name = child.tag.rpartition("}")[2]
        if name == "Object":
            texts.append({part.tag.rpartition("}")[2]: part.text or "" for part in child})
        elif name == "Quiet":
            quiet = (child.text or "").lower() == "true"
    return [Deleted(found["Key"], found.get("VersionId", "")) for found in texts], quiet
