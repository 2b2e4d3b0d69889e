"""Airflow loads one module of the plugins folder, and imports the packages beside it only when they are used."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.places import ROOT

LOADED = """
import sys
from pathlib import Path
import airflow.plugins_manager

found = airflow.plugins_manager.get_plugin_info()
names = {path.stem for path in Path(sys.argv[1]).rglob("*.py")} - {"__main__", *sys.stdlib_module_names}
print(*[plugin["name"] for plugin in found if plugin["name"] == "verger"], *sorted(names & sys.modules.keys()))
"""


def test_no_library_is_imported_under_the_bare_name_of_its_file() -> None:
    plugins = ROOT / "plugins"
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(plugins)],
        env=os.environ | {"PYTHONPATH": str(plugins), "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split() == ["verger", "verger_plugin"]
