from __future__ import annotations

import os
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from mwaa.__main__ import write
from tests.dags.conftest import run_dag
from tests.plugins.conftest import airflow_connection, bucket, client, settings, stack

__all__ = ["airflow_connection", "bucket", "client", "run_dag", "settings", "stack"]


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Return the files of `make mwaa`, as MWAA extracts them."""
    return Deployment(tmp_path_factory.mktemp("mwaa"))


class Deployment:
    """The home of an Airflow with the files of `make mwaa`."""

    def __init__(self, home: Path) -> None:
        self.files = home / "written"
        self.dags, self.plugins = self.files / "dags", home / "plugins"

    def write(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Write and extract the files. Return the variables that the startup script exports."""
        write(self.files, settings)
        with zipfile.ZipFile(self.files / "plugins.zip") as archive:
            archive.extractall(self.plugins)
        return exported(self.files / "startup.sh")


def exported(script: Path) -> dict[str, str]:
    """Return the variables VERGER_<NAME> after the script was sourced by bash, as MWAA does."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("VERGER_")}
    command = ["bash", "-c", 'source "$1"; env -0', "bash", str(script)]
    done = subprocess.run(command, env=clean, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    variables = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    return {name: value for name, value in variables.items() if name.startswith("VERGER_")}
