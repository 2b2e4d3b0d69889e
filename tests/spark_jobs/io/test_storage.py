"""Objects on an S3 server and files on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.spark_jobs.conftest import BUCKET
from verger_contract.errors import VergerError
from verger_spark.io import storage
from verger_spark.io.storage import etag_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.mark.parametrize("at", [lambda folder: folder.as_uri(), lambda folder: f"s3://{BUCKET}/{folder.name}"])
def test_small_objects(s3: S3Client, tmp_path: Path, at: Callable[[Path], str]) -> None:
    uri = f"{at(tmp_path)}/deep er/é.json"
    with pytest.raises(VergerError, match="does not exist, but this step needs it"):
        storage.read(uri)
    storage.write_json(uri, {"k": 1})
    storage.write_json(uri, {"k": 2})
    assert storage.read_json(uri) == {"k": 2}
    storage.write(uri, b"[]")
    with pytest.raises(VergerError, match="expected a JSON object, found a list"):
        storage.read_json(uri)


def test_an_object_exists_has_an_etag_and_is_deleted(s3: S3Client) -> None:
    uri = f"s3://{BUCKET}/runs/one/é 1.json"
    assert not storage.exists(uri)
    storage.delete(uri)
    with pytest.raises(VergerError, match=r"é 1\.json: does not exist"):
        storage.etag(uri)
    storage.write_json(uri, {"photos": 1})
    first = storage.etag(uri)
    assert first == etag_of(storage.read(uri))
    storage.write_json(uri, {"photos": 2})
    assert storage.etag(uri) != first
    assert not storage.exists(f"s3://{BUCKET}/runs/one"), "a folder is no object"
    storage.delete(uri)
    assert not storage.exists(uri)


def test_json_holds_no_nan(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        storage.write_json(f"{tmp_path.as_uri()}/metrics.json", {"ratio": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_an_object_is_read_and_written_in_parts(s3: S3Client) -> None:
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
    (file,) = storage.files(f"{uri}/parts")
    assert (file.uri, file.size) == (f"{uri}/parts/a b.bin", len(content))
    assert file.etag in (None, storage.etag(file.uri)), "a file on disk has none"
