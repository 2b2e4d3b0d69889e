"""Airflow's API server with Verger's plugin, in this process, with a real database, real logins and real S3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.places import ROOT
from tests.plugins.verger_ui.pages import Pages
from verger.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

VIEWER, ADMIN = "viewer", "admin"
"""A user who may see DAGs, and one who may trigger them."""


@pytest.fixture(scope="package")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder of an Airflow with the DAG and two users. This process uses its settings."""
    from airflow import plugins_manager, settings
    from airflow.cli.cli_parser import get_parser
    from airflow.utils.db import initdb

    folder = tmp_path_factory.mktemp("airflow-ui")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/airflow.db",
            "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{VIEWER}:viewer,{ADMIN}:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "passwords.json"),
            "CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "CORE__LOAD_EXAMPLES": "False",
        }.items():
            patch.setenv(f"AIRFLOW__{name}", value)
        patch.setenv("VERGER_BUCKET", "orchard")
        settings.configure_vars()
        settings.configure_orm()
        plugins_manager._get_plugins.cache_clear()
        plugins_manager.get_fastapi_plugins.cache_clear()
        plugins_manager._get_extra_operators_links_plugins.cache_clear()
        plugins_manager._get_ui_plugins.cache_clear()
        initdb()
        arguments = get_parser().parse_args(["dags", "reserialize"])
        arguments.func(arguments)
        yield folder
    settings.configure_vars()
    settings.configure_orm()


@pytest.fixture(scope="package")
def app(airflow: Path) -> Iterator[FastAPI]:
    from airflow.api_fastapi.app import create_app, purge_cached_app

    purge_cached_app()
    yield create_app(apps="core")
    purge_cached_app()


@pytest.fixture
def anonymous(app: FastAPI) -> TestClient:
    """Return a client without a login."""
    return TestClient(app, base_url="http://testserver")


@pytest.fixture(scope="package")
def tokens(app: FastAPI, airflow: Path) -> dict[str, str]:
    """Return the token of each user from Airflow's login."""
    passwords = json.loads((airflow / "passwords.json").read_text())
    browser = TestClient(app, base_url="http://testserver")
    answers = {
        user: browser.post("/auth/token", json={"username": user, "password": word}) for user, word in passwords.items()
    }
    return {user: answer.json()["access_token"] for user, answer in answers.items()}


def browser(app: FastAPI, token: str) -> TestClient:
    """Return a client after the login, which sends the token as Airflow's cookie."""
    return TestClient(app, base_url="http://testserver", cookies={"_token": token})


@pytest.fixture
def pages(
    app: FastAPI, tokens: dict[str, str], settings: Settings, client: S3Client, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pages]:
    """Return Verger's pages of a new, empty bucket."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import delete

    from verger_ui.sources import airflow_runs, bucket

    monkeypatch.setenv("VERGER_BUCKET", settings.storage.bucket)
    bucket.settings.cache_clear()
    bucket.bucket.cache_clear()
    airflow_runs.newest.cache_clear()
    yield Pages(browser(app, tokens[VIEWER]), browser(app, tokens[ADMIN]), client, settings.storage.bucket)
    with create_session() as session:
        session.execute(delete(DagRun))
