"""pyarrow reads S3 with the credentials that the session has now, not with those that it had at first."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from airflow.sdk.log import mask_logs

from verger.s3 import clients
from verger.s3.errors import StorageError
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
    store = Store(clients.filesystem(settings.storage), bucket)
    with pytest.raises(OSError, match=r"(?i)access.?(denied|key)|ACCESS_DENIED|INVALID"):
        list(store.rows(KEY, DELETES.names))
    write_session(session_file, valid_keys)
    assert list(store.rows(KEY, DELETES.names)) == ROWS
    assert [*store.sizes("runs/one/")] == [KEY]
    write_session(session_file, REFUSED_KEYS)
    with pytest.raises(OSError, match=r"(?i)access.?(denied|key)|ACCESS_DENIED|INVALID"):
        list(store.rows(KEY, DELETES.names))


def test_the_secrets_of_a_session_are_masked_in_logs(
    settings: Settings, client: S3Client, bucket: str, session_file: Path
) -> None:
    def masked(secret: str) -> bool:
        return secret not in str(mask_logs(None, "", {"event": f"found {secret}"})["event"])

    first, renewed = ({**REFUSED_KEYS, "SecretAccessKey": f"{uuid4()}", "SessionToken": f"{uuid4()}"} for _ in range(2))
    write_session(session_file, first)
    store = Store(clients.filesystem(settings.storage), bucket)
    for keys in (first, renewed):
        write_session(session_file, keys)
        with pytest.raises(OSError, match=r"(?i)access|ACCESS_DENIED|INVALID"):
            list(store.rows(KEY, DELETES.names))
        assert masked(keys["SecretAccessKey"])
        assert masked(keys["SessionToken"])


def test_a_connection_without_credentials_is_an_error_that_names_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StorageError, match=r"^s3://orchard-\w+: expected credentials in the Airflow connection aws_"):
        clients.filesystem(settings.storage)


def test_the_file_system_only_reads(settings: Settings, bucket: str) -> None:
    with pytest.raises(NotImplementedError, match="only reads"):
        clients.filesystem(settings.storage).create_dir(f"{bucket}/runs")
