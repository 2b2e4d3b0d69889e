"""Messages for S3's errors: every function that reads or writes names object, code and action."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.spark_jobs.conftest import BUCKET
from tests.spark_jobs.s3_answers import NOT_AUTHORIZED, ErrorAnswer, answering
from verger_contract.errors import VergerError
from verger_spark.io import storage
from verger_spark.io.s3_errors import MOST_CHARACTERS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

URI = "s3://orchard/runs/r/é 1"


def write_in_parts(uri: str) -> None:
    with storage.writing(uri) as sink:
        sink.write(b"x" * (storage.PART_BYTES + 1))


CALLS: list[tuple[str, Callable[[str], object], str, str]] = [
    ("read", storage.read, "cannot be read", "grant s3:GetObject"),
    ("reading", storage.reading, "cannot be read", "grant s3:GetObject"),
    ("exists", storage.exists, "cannot be read", "grant s3:GetObject, s3:ListBucket"),
    ("etag", storage.etag, "cannot be read", "grant s3:GetObject"),
    ("read_json", storage.read_json, "cannot be read", "grant s3:GetObject"),
    ("write", lambda uri: storage.write(uri, b"1"), "cannot be written", "grant s3:PutObject"),
    ("write_json", lambda uri: storage.write_json(uri, {}), "cannot be written", "grant s3:PutObject"),
    ("writing", write_in_parts, "cannot be written", "grant s3:PutObject"),
    ("delete_folder", storage.delete_folder, "cannot be deleted", "grant s3:DeleteObject"),
    ("files", lambda uri: list(storage.files(uri)), "cannot be listed", "grant s3:ListBucket"),
]


@pytest.mark.parametrize(("name", "call", "what", "action"), CALLS, ids=[call[0] for call in CALLS])
def test_every_function_names_object_code_and_action(
    monkeypatch: pytest.MonkeyPatch, name: str, call: Callable[[str], object], what: str, action: str
) -> None:
    message = NOT_AUTHORIZED.format("s3:Any", "s3:Any")
    with (
        answering(monkeypatch, 403, ErrorAnswer(403, "AccessDenied", message).body),
        pytest.raises(VergerError) as failure,
    ):
        call(URI)
    assert str(failure.value).startswith(f"{URI}: {what}: AccessDenied (HTTP 403): {message}; {action}")


@pytest.mark.parametrize(("name", "call", "what", "action"), CALLS, ids=[call[0] for call in CALLS])
def test_errors_of_the_store(
    monkeypatch: pytest.MonkeyPatch, name: str, call: Callable[[str], object], what: str, action: str
) -> None:
    with (
        answering(monkeypatch, 400, ErrorAnswer(400, "ExpiredToken", "a\n long   text " + "x" * 999).body),
        pytest.raises(VergerError, match="renew them") as failure,
    ):
        call(URI)
    assert str(failure.value).startswith(f"{URI}: {what}: ExpiredToken (HTTP 400): a long text xxx")
    assert len(str(failure.value)) < MOST_CHARACTERS + 200


def test_a_missing_bucket_and_a_missing_object(s3: S3Client) -> None:
    with pytest.raises(
        VergerError, match=r"^s3://nowhere/a: cannot be read: NoSuchBucket \(HTTP 404\): .*create the b"
    ):
        storage.read("s3://nowhere/a")
    with pytest.raises(VergerError, match=r"^s3://nowhere/a: cannot be written: NoSuchBucket"):
        storage.write("s3://nowhere/a", b"")
    with pytest.raises(VergerError, match=f"^s3://{BUCKET}/none: does not exist, but this step needs it$"):
        storage.read(f"s3://{BUCKET}/none")
    assert not storage.exists(f"s3://{BUCKET}/none")


def test_an_object_that_is_deleted_while_it_is_read(s3: S3Client) -> None:
    """pyarrow raises the error of the reader unchanged."""
    uri, buffer = f"s3://{BUCKET}/table.parquet", io.BytesIO()
    pq.write_table(pa.table({"a": range(1000)}), buffer)
    storage.write(uri, buffer.getvalue())
    with storage.reading(uri) as source:
        parquet = pq.ParquetFile(source, pre_buffer=True)
        storage.delete(uri)
        with pytest.raises(VergerError, match=f"^{uri}: was deleted while this step read it; start a new run$"):
            parquet.read()
