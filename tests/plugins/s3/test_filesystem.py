"""pyarrow reads S3 by a boto3 client: any part of an object, with the credentials that the session has now."""

from __future__ import annotations

import json
import os
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from verger.s3 import clients
from verger.s3.errors import StorageError, UnavailableError
from verger.s3.filesystem import TAIL_BYTES
from verger.settings import Settings
from verger.tables.parquet import Store, upload, write_rows
from verger_contract.schemas import DELETES

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "runs/one/deletes.parquet"
ROWS = [("images/Kiwi/1.jpg", "zero")]
REFUSED_KEYS = {"AccessKeyId": "expired", "SecretAccessKey": "expired"}


@pytest.fixture
def valid_keys(stack: Path) -> dict[str, str]:
    """The keys of the local S3."""
    return {"AccessKeyId": os.environ["AWS_ACCESS_KEY_ID"], "SecretAccessKey": os.environ["AWS_SECRET_ACCESS_KEY"]}


@pytest.fixture
def session_file(valid_keys: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file from which botocore takes temporary credentials, by a credential process."""
    file = tmp_path / "session.json"
    script = "import pathlib, sys; print(pathlib.Path(sys.argv[1]).read_text())"
    config = tmp_path / "config"
    config.write_text(f'[default]\ncredential_process = "{sys.executable}" -c \'{script}\' "{file}"\n')
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return file


def write_session(file: Path, keys: dict[str, str]) -> None:
    """Write credentials that expire so soon that botocore renews them before every use."""
    expiration = (datetime.now(UTC) + timedelta(minutes=2)).isoformat()
    file.write_text(json.dumps({"Version": 1, "Expiration": expiration, **keys}))


def test_every_file_is_opened_with_the_current_keys(
    settings: Settings, client: S3Client, bucket: str, valid_keys: dict[str, str], session_file: Path
) -> None:
    with upload(client, bucket, KEY) as file:
        write_rows(file, DELETES, ROWS)
    write_session(session_file, REFUSED_KEYS)
    store = Store(clients.filesystem(clients.client(settings.storage)), bucket)
    with pytest.raises(StorageError, match=rf"{KEY}: may not be read \((InvalidAccessKeyId|AccessDenied)\)"):
        list(store.rows(KEY, DELETES.names))
    write_session(session_file, valid_keys)
    assert list(store.rows(KEY, DELETES.names)) == ROWS
    assert [*store.sizes("runs/one/")] == [KEY]
    write_session(session_file, REFUSED_KEYS)
    with pytest.raises(StorageError, match=rf"{KEY}: may not be read \((InvalidAccessKeyId|AccessDenied)\)"):
        list(store.rows(KEY, DELETES.names))


def test_a_connection_without_credentials_is_an_error_that_names_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StorageError, match=r"^s3://orchard-\w+/runs/: expected credentials in the Airflow conn"):
        Store(clients.filesystem(clients.client(settings.storage)), settings.storage.bucket).sizes("runs/")


def test_the_file_system_only_reads(client: S3Client, bucket: str) -> None:
    with pytest.raises(NotImplementedError, match="only lists and reads"):
        clients.filesystem(client).create_dir(f"{bucket}/runs")


def test_any_part_of_an_object_is_read(client: S3Client, bucket: str) -> None:
    content = random.Random(1).randbytes(3 * TAIL_BYTES)
    client.put_object(Bucket=bucket, Key="runs/bytes", Body=content)
    with clients.filesystem(client).open_input_file(f"{bucket}/runs/bytes") as file:
        assert file.size() == len(content)
        for start, length in ((0, 10), (2 * TAIL_BYTES - 5, 10), (2 * TAIL_BYTES, 7), (len(content) - 3, 10), (5, 0)):
            file.seek(start)
            assert file.read(length) == content[start : start + length]
        file.seek(0)
        assert file.read() == content


def test_an_empty_object_and_a_missing_one(client: S3Client, bucket: str) -> None:
    client.put_object(Bucket=bucket, Key="runs/empty", Body=b"")
    with clients.filesystem(client).open_input_file(f"{bucket}/runs/empty") as file:
        assert file.read() == b""
    with pytest.raises(FileNotFoundError, match=rf"s3://{bucket}/runs/none: expected an object, found none"):
        clients.filesystem(client).open_input_file(f"{bucket}/runs/none")


def test_an_object_that_is_replaced_while_it_is_read_is_an_error(client: S3Client, bucket: str) -> None:
    client.put_object(Bucket=bucket, Key="runs/bytes", Body=bytes(3 * TAIL_BYTES))
    with clients.filesystem(client).open_input_file(f"{bucket}/runs/bytes") as file:
        client.put_object(Bucket=bucket, Key="runs/bytes", Body=b"1" * 3 * TAIL_BYTES)
        with pytest.raises(UnavailableError, match="runs/bytes: replaced while it was read; try again"):
            file.read(10)
