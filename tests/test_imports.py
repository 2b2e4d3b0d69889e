"""Import rules that import-linter cannot check: imports without Airflow, single modules, and writes of the pages."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.places import ROOT

CORE = ("settings", "changes", "tables", "s3", "publication", "validation")
CORE_MODULES = ("context", "tasks", "run_snapshot", "run_id", "clock")
NO_AIRFLOW = """
import importlib, sys

class NoAirflow:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "airflow":
            raise ImportError(f"{name} is imported")

sys.meta_path.insert(0, NoAirflow())
for name in sys.argv[1:]:
    importlib.import_module(name)
"""
WRITES = (
    "put_",
    "delete_",
    "upload_",
    "copy_",
    "create_bucket",
    "create_multipart",
    "complete_",
    "abort_",
    "write_",
    "cancel_",
    "terminate_",
)


def names(folder: Path, package: str) -> list[str]:
    """Return the names of all modules of a package."""
    files = sorted((folder / package.replace(".", "/")).rglob("*.py"))
    parts = [path.relative_to(folder).with_suffix("").parts for path in files]
    return [".".join(part for part in found if part != "__init__") for found in parts]


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a module imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_the_core_imports_without_airflow() -> None:
    plugins = ROOT / "plugins"
    modules = [name for package in CORE for name in names(plugins, f"verger.{package}")]
    modules += [f"verger.{name}" for name in CORE_MODULES] + names(plugins, "verger_contract")
    done = subprocess.run(
        [sys.executable, "-c", NO_AIRFLOW, *modules],
        env=os.environ | {"PYTHONPATH": str(plugins)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert len(modules) > 40
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("spark_jobs/featurize.py", {"verger", "verger_ui", "airflow"}),
        ("spark_jobs/pca.py", {"verger", "verger_verify", "verger_ui", "airflow"}),
        ("spark_jobs/verify.py", {"verger", "verger_ui", "airflow"}),
        (
            "examples/classify.py",
            {"verger", "verger_contract", "verger_photo", "verger_spark", "verger_ui", "airflow", "boto3"},
        ),
        (
            "verger_reader.py",
            {"verger", "verger_contract", "verger_photo", "verger_spark", "verger_ui", "airflow", "boto3"},
        ),
    ],
)
def test_single_modules_import_what_they_may(module: str, forbidden: set[str]) -> None:
    assert not imported(ROOT / module) & forbidden


def test_the_pages_in_airflow_call_no_function_that_writes() -> None:
    for path in sorted((ROOT / "plugins/verger_ui").rglob("*.py")):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        called = {call.attr if isinstance(call, ast.Attribute) else getattr(call, "id", "") for call in calls}
        assert not [name for name in called if name.startswith(WRITES)], path
