"""The modules that every Airflow process imports with the plugin."""

from __future__ import annotations

import subprocess
import sys

from tests.places import ROOT

LOADED = """
import sys
import airflow.plugins_manager, airflow.sdk
before = set(sys.modules)
from verger_ui.verger_plugin import VergerPlugin
print(*sorted({name.split(".")[0] for name in set(sys.modules) - before}))
"""


def test_a_worker_that_loads_the_plugin_imports_no_web_server_and_no_s3_client() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], env={"PYTHONPATH": str(ROOT / "plugins"), "HOME": "/nonexistent"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split("\n")[-2].split())
    assert "verger_ui" in loaded
    assert not loaded & {"fastapi", "starlette", "jinja2", "boto3", "botocore", "pyarrow"}
