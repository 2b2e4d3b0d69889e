"""Secrets: random, created once, readable by one user."""

from __future__ import annotations

import base64
import configparser
import stat
import subprocess
import sys
from pathlib import Path

from development.secrets import MODE, airflow_keys, password
from local_aws.credentials import load_or_create
from tests.places import ROOT


def make(folder: Path, state: Path) -> dict[str, str]:
    command = [sys.executable, "-m", "development.secrets", str(folder), "--database", "db", "--local-aws", str(state)]
    subprocess.run(command, cwd=ROOT, check=True)
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_secrets_are_created_once(tmp_path: Path) -> None:
    folder, state = tmp_path / "secrets", tmp_path / "aws"
    first = make(folder, state)
    assert set(first) == {
        *("fernet_key", "api_secret_key", "jwt_secret", "passwords.json"),
        *("database_password", "database_url", "aws"),
    }
    assert make(folder, state) == first
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {MODE}
    assert f"airflow:{first['database_password']}@db/airflow" in first["database_url"]
    assert len(base64.urlsafe_b64decode(first["fernet_key"])) == 32
    pair = configparser.ConfigParser()
    pair.read_string(first["aws"])
    assert pair["default"]["aws_secret_access_key"] == load_or_create(state).secret_access_key


def test_two_stacks_have_different_secrets(tmp_path: Path) -> None:
    one, other = ({**airflow_keys(folder), "password": password(folder)} for folder in (tmp_path / "1", tmp_path / "2"))
    assert not set(one.values()) & set(other.values())
