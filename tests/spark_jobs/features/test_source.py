"""Photos are read from an S3 server: any legal key, and exactly the version that was listed."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from tests.ports import free_ports
from tests.spark_jobs.conftest import BUCKET
from verger_contract.errors import VergerError
from verger_contract.reasons import RejectKind
from verger_photo.unreadable import UnreadablePhoto
from verger_spark.features.inventory import ListedPhoto
from verger_spark.features.prefetch import prefetch_photos
from verger_spark.features.source import ReadPhoto, open_source
from verger_spark.io import s3_store
from verger_spark.io.storage import etag_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

KEYS = [
    "images/Pomme é 1/a b+c%20#?.jpg",
    "images/Pomme e\u0301 1/decomposed.jpg",
    "images/りんご/赤い りんご.jpg",
    "images/A&B=C/'quoted' \"twice\" {x} [y] ~ | ^ ` @ $ ! * ( ) ; : ,.jpg",
    "images/percent/100%.jpg",
    "images/percent/100%25.jpg",
    "images/" + "/".join(["x" * 240] * 4) + "/" + "y" * 25 + ".jpg",
]


@pytest.fixture
def read(s3: S3Client) -> ReadPhoto:
    return open_source(f"s3://{BUCKET}")


def reject(read: ReadPhoto, path: str, etag: str) -> UnreadablePhoto:
    with pytest.raises(UnreadablePhoto) as unreadable:
        read(path, etag)
    return unreadable.value


@pytest.mark.parametrize("key", KEYS)
def test_any_legal_key(s3: S3Client, read: ReadPhoto, key: str) -> None:
    content = key.encode()
    etag = s3.put_object(Bucket=BUCKET, Key=key, Body=content)["ETag"].strip('"')
    assert key in [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix="images/")["Contents"]]
    assert read(key, etag) == content


def test_a_key_of_a_thousand_characters_is_among_them() -> None:
    assert max(map(len, KEYS)) >= 1000


def test_an_etag_of_a_multipart_upload(s3: S3Client, read: ReadPhoto) -> None:
    key, part = "images/Kiwi/large.jpg", b"x" * (5 * 1024 * 1024)
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    parts: list[CompletedPartTypeDef] = []
    for number in (1, 2):
        sent = s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=number, Body=part)
        parts.append({"PartNumber": number, "ETag": sent["ETag"]})
    done = s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    etag = done["ETag"].strip('"')
    assert etag.endswith("-2")
    assert read(key, etag) == part * 2


def test_a_deleted_photo_and_a_changed_one(s3: S3Client, read: ReadPhoto) -> None:
    key = "images/Kiwi/1.jpg"
    deleted = reject(read, key, "d41d8cd98f00b204e9800998ecf8427e")
    assert (deleted.kind, str(deleted)) == (RejectKind.DELETED, "deleted since it was listed")
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"second")
    changed = reject(read, key, etag_of(b"first"))
    assert changed.kind is RejectKind.CHANGED
    assert str(changed).startswith(f"changed since it was listed (etag was {etag_of(b'first')}")


@pytest.mark.parametrize("key", ["images/Kiwi//1.jpg", "images/Kiwi/a\nb.jpg", "images/./1.jpg", "/images/Kiwi/1.jpg"])
def test_a_key_that_the_client_cannot_request_is_a_reject(read: ReadPhoto, key: str) -> None:
    assert reject(read, key, "etag").kind is RejectKind.KEY_CANNOT_BE_READ


def test_an_object_under_a_customer_key_is_a_reject(s3: S3Client, read: ReadPhoto) -> None:
    key, secret = "images/Kiwi/sse-c.jpg", hashlib.sha256(b"k").digest()
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"1", SSECustomerAlgorithm="AES256", SSECustomerKey=secret)
    etag = next(
        item["ETag"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["Contents"] if item["Key"] == key
    )
    assert reject(read, key, etag.strip('"')).kind is RejectKind.CUSTOMER_KEY


def test_wrong_credentials_and_a_missing_bucket_are_errors_and_no_rejects(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        VergerError, match=r"^s3://nowhere/images/Kiwi/1\.jpg: cannot be read: NoSuchBucket \(HTTP 404\)"
    ):
        open_source("s3://nowhere")("images/Kiwi/1.jpg", "etag")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unknown")
    with pytest.raises(VergerError, match=r"InvalidAccessKeyId \(HTTP 403\): .*; correct the credentials of the nodes"):
        open_source(f"s3://{BUCKET}")("images/Kiwi/1.jpg", "etag")


@pytest.mark.parametrize("key", ["images/Kiwi/1.jpg", "images/path/1.jpg"])
def test_an_unavailable_server_is_an_error_and_no_reject(
    s3: S3Client, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{free_ports(1)}")
    monkeypatch.setattr(s3_store, "RETRIES", {"max_retries": 0})
    read = open_source(f"s3://{BUCKET}")
    with pytest.raises(VergerError, match=f"^s3://{BUCKET}/{key}: cannot be read: no answer: .*S3 does not answer"):
        list(prefetch_photos([ListedPhoto(key, "etag", 1)], lambda photo: read(photo.path, photo.etag)))


def test_a_value_error_of_the_client_is_no_reject(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message does not matter: the key is checked before the request."""

    def get(*_: object, **__: object) -> None:
        raise ValueError("a path that is not the key")

    monkeypatch.setattr("obstore.get", get)
    with pytest.raises(ValueError, match="a path that is not the key"):
        open_source(f"s3://{BUCKET}")("images/Kiwi/1.jpg", "etag")
