"""The inventory of a bucket on a real S3 server."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import pyarrow
import pyarrow.parquet
import pytest

from tests.plugins.conftest import with_storage
from verger.changes.inventory import Inventory, write_inventory
from verger.s3 import clients
from verger.s3.errors import StorageError
from verger.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS = [
    "images/Test/Kiwi/7.jpg",
    "images/Pomme é 1/a b+c%20#?.jpg",
    "images/柿/桃 1.jpg",
    "images/A/q?=&*~|{}.jpg",
    "images/A/control\x01\x1f.jpg",
    "images/A/<&>.jpg",
    f"images/{'/'.join(['long' * 50] * 4)}/{'x' * 180}.jpg",
    "images/directly.jpg",
    "images/A/not a photo.txt",
]
IGNORED = [
    "images/A/.DS_Store",
    "images/A/._7.jpg",
    "images/A/Thumbs.db",
    "images/A/desktop.ini",
    "images/A_$folder$",
    "images/.ipynb_checkpoints/7-checkpoint.jpg",
    "images/A/.thumbnails/deep/7.jpg",
    "images/__MACOSX/A/7.jpg",
]


def inventory(client: S3Client, bucket: str, key: str = "runs/r/inventory.parquet") -> pyarrow.Table:
    return pyarrow.parquet.read_table(io.BytesIO(client.get_object(Bucket=bucket, Key=key)["Body"].read()))


def test_every_legal_key_is_listed_unchanged(client: S3Client, bucket: str) -> None:
    for key in KEYS + IGNORED + ["elsewhere/7.jpg", "images-not/7.jpg"]:
        client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    found = write_inventory(client, bucket, "images/", "runs/r/inventory.parquet")
    rows = inventory(client, bucket).to_pylist()
    assert rows == sorted(rows, key=lambda row: row["path"].encode())
    expected: list[dict[str, Any]] = [
        {
            "path": key,
            "etag": hashlib.md5(key.encode(), usedforsecurity=False).hexdigest(),
            "size": len(key.encode()),
        }
        for key in KEYS
    ]
    assert sorted(rows, key=lambda row: row["path"]) == sorted(expected, key=lambda row: row["path"])
    total = sum(len(key.encode()) for key in KEYS)
    assert found == Inventory(photos=len(KEYS), bytes=total, ignored=len(IGNORED))


def test_the_prefix_may_have_hidden_segments_and_the_log_counts_ignored_objects(
    client: S3Client, bucket: str, caplog: pytest.LogCaptureFixture
) -> None:
    for key in (".data/A/7.jpg", ".data/A/.x/8.jpg", ".data/.y/9.jpg"):
        client.put_object(Bucket=bucket, Key=key, Body=b"1")
    caplog.set_level("INFO")
    assert write_inventory(client, bucket, ".data/", "i.parquet") == Inventory(photos=1, bytes=1, ignored=2)
    assert inventory(client, bucket, "i.parquet")["path"].to_pylist() == [".data/A/7.jpg"]
    assert "1 photos, 0.0 MB; ignored: 2 (hidden files, hidden folders, folder markers)" in caplog.text


def test_more_than_a_page_of_keys(client: S3Client, bucket: str) -> None:
    for number in range(1010):
        client.put_object(Bucket=bucket, Key=f"images/A/{number}.jpg", Body=b"")
    assert write_inventory(client, bucket, "images/", "i.parquet").photos == 1010
    assert len(set(inventory(client, bucket, "i.parquet")["path"].to_pylist())) == 1010


def test_a_second_try_replaces_the_inventory(client: S3Client, bucket: str) -> None:
    client.put_object(Bucket=bucket, Key="images/A/1.jpg", Body=b"1")
    write_inventory(client, bucket, "images/", "i.parquet")
    client.put_object(Bucket=bucket, Key="images/A/2.jpg", Body=b"2")
    write_inventory(client, bucket, "images/", "i.parquet")
    assert inventory(client, bucket, "i.parquet").num_rows == 2


def test_a_prefix_without_photos_has_an_empty_inventory(client: S3Client, bucket: str) -> None:
    client.put_object(Bucket=bucket, Key="images/A/.DS_Store", Body=b"")
    assert write_inventory(client, bucket, "images/", "i.parquet") == Inventory(ignored=1)
    assert inventory(client, bucket, "i.parquet").num_rows == 0


def test_folders_listed_in_parallel_give_every_photo_once_and_in_order(client: S3Client, bucket: str) -> None:
    """The order of keys differs from the order of folders: '-' and ' ' come before '/', '0' after it."""
    keys = [
        f"images/{label}/{number}.jpg"
        for label in ("a", "a-b", "a b", "a0", "é", "\uffee", "𝒜", "B")
        for number in range(3)
    ]
    keys += [f"images/a/deep/{number}/1.jpg" for number in range(12)] + ["images/a.jpg", "images/a/x.jpg"]
    for key in reversed(keys):
        client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert write_inventory(client, bucket, "images/", "i.parquet").photos == len(keys)
    assert inventory(client, bucket, "i.parquet")["path"].to_pylist() == sorted(keys, key=str.encode)


def test_a_server_that_skips_a_folder_after_its_name_is_listed_folder_by_folder(
    client: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """SeaweedFS skips the folder `images/2/` when `StartAfter` is `images/2`."""
    keys = [f"images/{label}/{number:02}.jpg" for label in ("1", "2", "3") for number in range(30)]
    for key in keys:
        client.put_object(Bucket=bucket, Key=key, Body=b"1")
    request = client.list_objects_v2

    def in_small_pages(**parameters: Any) -> Any:
        return request(**{"MaxKeys": 4, **parameters})

    monkeypatch.setattr(client, "list_objects_v2", in_small_pages)
    caplog.set_level("INFO")
    assert write_inventory(client, bucket, "images/", "i.parquet").photos == len(keys)
    assert inventory(client, bucket, "i.parquet")["path"].to_pylist() == keys
    assert "listing folder by folder: expected" in caplog.text


def test_the_error_for_a_missing_bucket_names_it(client: S3Client) -> None:
    with pytest.raises(
        StorageError, match=r"^s3://no-such-bucket: no such bucket; create it or correct VERGER_BUCKET$"
    ):
        write_inventory(client, "no-such-bucket", "images/", "i.parquet")


def test_the_error_for_a_bucket_that_may_not_be_listed_names_it(
    settings: Settings, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "unknown")
    stranger = clients.client(with_storage(settings).storage)
    with pytest.raises(StorageError, match=rf"^s3://{bucket}/images/: may not be listed \(\w+\); grant s3:ListBucket"):
        write_inventory(stranger, bucket, "images/", "i.parquet")
