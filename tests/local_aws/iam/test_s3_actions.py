"""The actions of IAM that requests to S3 need."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from local_aws.iam.account import Account
from local_aws.iam.evaluator import Request
from local_aws.iam.s3_actions import Call, Deleted, UnknownOperationError, deleted

KEY = "arn:aws:kms:eu-west-3:1:key/k"
ACCOUNT = Account("1", "eu-west-3", "orchard", KEY, {}, {}, {}, {}, {}, "", {})


def needed(method: str, path: str, **headers: str) -> list[str]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    found = Call.of(method, path, given, secure=True).requests(ACCOUNT)
    return [f"{request.action} {request.resource.removeprefix('arn:aws:s3:::')}" for request in found]


READ, WRITE = f"kms:Decrypt {KEY}", f"kms:GenerateDataKey {KEY}"


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", ["s3:ListAllMyBuckets *"]),
        ("HEAD", "/orchard", ["s3:ListBucket orchard"]),
        ("GET", "/orchard/?list-type=2&prefix=a", ["s3:ListBucket orchard"]),
        ("GET", "/orchard?versions", ["s3:ListBucketVersions orchard"]),
        ("GET", "/orchard?uploads&prefix=a", ["s3:ListBucketMultipartUploads orchard"]),
        ("GET", "/orchard?encryption", ["s3:GetEncryptionConfiguration orchard"]),
        ("GET", "/orchard?publicAccessBlock", ["s3:GetBucketPublicAccessBlock orchard"]),
        ("PUT", "/orchard?policy", ["s3:PutBucketPolicy orchard"]),
        ("DELETE", "/orchard", ["s3:DeleteBucket orchard"]),
        ("GET", "/orchard/a%20b+%C3%A9%3F", ["s3:GetObject orchard/a b+é?", READ]),
        ("HEAD", "/orchard/a", ["s3:GetObject orchard/a"]),
        ("GET", "/orchard/a?versionId=1", ["s3:GetObjectVersion orchard/a", READ]),
        ("PUT", "/orchard/a", ["s3:PutObject orchard/a", WRITE]),
        ("DELETE", "/orchard/a", ["s3:DeleteObject orchard/a"]),
        ("DELETE", "/orchard/a?versionId=1", ["s3:DeleteObjectVersion orchard/a"]),
        ("POST", "/orchard/a?uploads", ["s3:PutObject orchard/a", WRITE, READ]),
        ("PUT", "/orchard/a?partNumber=1&uploadId=u", ["s3:PutObject orchard/a", WRITE, READ]),
        ("POST", "/orchard/a?uploadId=u", ["s3:PutObject orchard/a", WRITE, READ]),
        ("GET", "/orchard/a?uploadId=u", ["s3:ListMultipartUploadParts orchard/a"]),
        ("DELETE", "/orchard/a?uploadId=u", ["s3:AbortMultipartUpload orchard/a"]),
        ("GET", "/other/a", ["s3:GetObject other/a"]),
    ],
)
def test_a_request_needs_these_actions(method: str, path: str, expected: list[str]) -> None:
    assert needed(method, path) == expected


def test_a_copy_needs_the_right_to_read_its_source() -> None:
    found = needed("PUT", "/orchard/runs/a", x_amz_copy_source="/orchard/images/b%20c")
    assert found == ["s3:PutObject orchard/runs/a", "s3:GetObject orchard/images/b c", WRITE, READ]
    assert "s3:GetObjectVersion other/b" in needed("PUT", "/orchard/a", x_amz_copy_source="other/b?versionId=7")


def test_headers_need_actions_of_their_own() -> None:
    assert "s3:PutObjectAcl orchard/a" in needed("PUT", "/orchard/a", x_amz_acl="public-read")
    assert READ in needed("HEAD", "/orchard/a", x_amz_checksum_mode="ENABLED")


@pytest.mark.parametrize("path", ["/orchard?replication", "/orchard/a?legal-hold", "/orchard/a?attributes"])
def test_a_request_that_the_tables_do_not_have_is_refused(path: str) -> None:
    with pytest.raises(UnknownOperationError):
        needed("GET", path)


@pytest.mark.parametrize(
    ("secure", "context"),
    [
        (True, {"aws:SecureTransport": "true", "s3:prefix": "runs/", "s3:delimiter": "/"}),
        (False, {"aws:SecureTransport": "false", "s3:prefix": "runs/", "s3:delimiter": "/"}),
    ],
)
def test_the_condition_keys_of_a_listing(secure: bool, context: Mapping[str, str]) -> None:
    (found,) = Call.of("GET", "/orchard?prefix=runs%2F&delimiter=/", {}, secure=secure).requests(ACCOUNT)
    assert found == Request("s3:ListBucket", "arn:aws:s3:::orchard", context)


def test_each_key_of_a_delete_request_has_a_decision() -> None:
    body = (
        b'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a &amp; b</Key></Object>'
        b"<Object><Key>c</Key><VersionId>7</VersionId></Object><Quiet>true</Quiet></Delete>"
    )
    objects, quiet = deleted(body)
    assert (objects, quiet) == ([Deleted("a & b", ""), Deleted("c", "7")], True)
    call = Call.of("POST", "/orchard?delete", {}, secure=True)
    assert call.deletes_many
    assert [found.request(call).action for found in objects] == ["s3:DeleteObject", "s3:DeleteObjectVersion"]
