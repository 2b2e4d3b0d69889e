"""Reading photos from a real S3 server: any legal key, exactly the version that was listed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_aws.stack import Stack
from tests.ports import free_ports
from verger_spark.errors import VergerError
from verger_spark.features.photo import UnreadablePhoto
from verger_spark.features.prefetch import Listed, fetch_ahead
from verger_spark.features.source import Read, open_source
from verger_spark.io import storage
from verger_spark.io.storage import etag_of

BUCKET = "photos"
KEYS = [
    "images/Pomme é 1/a b+c%20#?.jpg",
    "images/Pomme e\u0301 1/decomposed.jpg",
    "images/りんご/赤い りんご.jpg",
    "images/A&B=C/'quoted' \"twice\" {x} [y] ~ | ^ ` @ $ ! * ( ) ; : ,.jpg",
    "images/percent/100%.jpg",
    "images/percent/100%25.jpg",
    "images/" + "/".join(["x" * 240] * 4) + "/" + "y" * 25 + ".jpg",
]


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    first = free_ports()
    stack = Stack(tmp_path_factory.mktemp("source"), s3_port=first, emr_port=first + 8)
    stack.up()
    try:
        with pytest.MonkeyPatch.context() as environment:
            for name, value in stack.environment().items():
                environment.setenv(name, value)
            client = stack.client("s3")
            client.create_bucket(Bucket=BUCKET)
            yield client
    finally:
        stack.down()


@pytest.fixture
def read(s3: Any) -> Read:
    return open_source(f"s3://{BUCKET}")


def refused(read: Read, path: str, etag: str) -> str:
    with pytest.raises(UnreadablePhoto) as reason:
        read(path, etag)
    return str(reason.value)


@pytest.mark.parametrize("key", KEYS)
def test_any_legal_key(s3: Any, read: Read, key: str) -> None:
    content = key.encode()
    etag = s3.put_object(Bucket=BUCKET, Key=key, Body=content)["ETag"].strip('"')
    assert key in [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix="images/")["Contents"]]
    assert read(key, etag) == content


def test_a_key_of_a_thousand_characters_is_among_them() -> None:
    assert max(map(len, KEYS)) >= 1000


def test_an_etag_of_a_multipart_upload(s3: Any, read: Read) -> None:
    key, part = "images/Kiwi/large.jpg", b"x" * (5 * 1024 * 1024)
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    sent = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**sent, PartNumber=number, Body=part)["ETag"]}
        for number in (1, 2)
    ]
    etag = s3.complete_multipart_upload(**sent, MultipartUpload={"Parts": parts})["ETag"].strip('"')
    assert etag.endswith("-2")
    assert read(key, etag) == part * 2


def test_a_deleted_photo_and_a_changed_one(s3: Any, read: Read) -> None:
    key = "images/Kiwi/1.jpg"
    assert refused(read, key, "d41d8cd98f00b204e9800998ecf8427e") == "deleted since it was listed"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"second")
    reason = refused(read, key, etag_of(b"first"))
    assert reason.startswith(f"changed since it was listed (etag was {etag_of(b'first')}")


@pytest.mark.parametrize("key", ["images/Kiwi//1.jpg", "images/Kiwi/a\nb.jpg", "images/./1.jpg"])
def test_a_key_that_the_client_cannot_read_is_a_reject(read: Read, key: str) -> None:
    assert refused(read, key, "etag").startswith("key cannot be read")


def test_a_server_that_is_away_is_no_reject(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{free_ports(1)}")
    monkeypatch.setattr(storage, "RETRIES", {"max_retries": 0})
    away = open_source(f"s3://{BUCKET}")
    with pytest.raises(Exception, match=r"127\.0\.0\.1") as failure:
        list(fetch_ahead([Listed("images/Kiwi/1.jpg", "etag", 1)], lambda photo: away(photo.path, photo.etag)))
    assert not isinstance(failure.value, UnreadablePhoto)


@pytest.mark.parametrize("at", [lambda folder: folder.as_uri(), lambda folder: f"s3://{BUCKET}/{folder.name}"])
def test_small_objects(s3: Any, tmp_path: Path, at: Callable[[Path], str]) -> None:
    uri = f"{at(tmp_path)}/deep er/é.json"
    with pytest.raises(VergerError, match="does not exist, but this step needs it"):
        storage.read(uri)
    storage.write_json(uri, {"k": 1})
    storage.write_json(uri, {"k": 2})
    assert storage.read_json(uri) == {"k": 2}
    storage.write(uri, b"[]")
    with pytest.raises(VergerError, match="expected a JSON object, found a list"):
        storage.read_json(uri)


@pytest.mark.parametrize("uri", ["ftp://host/key", "/folder", "s3:///key", "file://relative"])
def test_other_addresses_are_refused(uri: str) -> None:
    with pytest.raises(VergerError, match=r"expected s3://<bucket>/<key> or file:///<path>"):
        storage.read(uri)


def test_an_object_is_looked_for_told_apart_and_deleted(s3: Any) -> None:
    uri = f"s3://{BUCKET}/runs/one/é 1.json"
    assert not storage.exists(uri)
    storage.delete(uri)
    with pytest.raises(VergerError, match=r"é 1\.json: does not exist"):
        storage.fingerprint(uri)
    storage.write_json(uri, {"photos": 1})
    first = storage.fingerprint(uri)
    assert first == etag_of(storage.read(uri))
    storage.write_json(uri, {"photos": 2})
    assert storage.fingerprint(uri) != first
    assert not storage.exists(f"s3://{BUCKET}/runs/one"), "a folder is no object"
    storage.delete(uri)
    assert not storage.exists(uri)


def test_json_holds_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        storage.write_json(f"{tmp_path.as_uri()}/metrics.json", {"ratio": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_an_object_is_read_and_written_in_parts(s3: Any) -> None:
    uri, content = f"s3://{BUCKET}", bytes(range(256)) * 80_000  # 20 MB: three parts
    with storage.writing(f"{uri}/parts/a b.bin") as sink:
        for start in range(0, len(content), 3_000_000):
            sink.write(content[start : start + 3_000_000])
    with storage.reading(f"{uri}/parts/a b.bin") as source:
        assert source.seek(-5, 2) == len(content) - 5
        assert source.read(9) == content[-5:]
        source.seek(10_000_000)
        assert source.read(3) == content[10_000_000:10_000_003]
        assert source.read(0) == b""

    def fail() -> None:
        with storage.writing(f"{uri}/parts/b") as sink:
            sink.write(content)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not storage.exists(f"{uri}/parts/b")
    assert dict(storage.files(f"{uri}/parts")) == {f"{uri}/parts/a b.bin": len(content)}
