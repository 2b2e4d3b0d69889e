"""The files of `make mwaa`."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mwaa.files import constraints, plugins_zip
from mwaa.startup import EXPORT, startup_script
from tests.mwaa.conftest import exported
from tests.places import ROOT
from tests.tree import files
from verger.settings import Settings, SettingsError

TEMPLATE = (ROOT / "mwaa/startup.sh").read_text()
LOCK = (ROOT / "requirements/airflow-mwaa.txt").read_text()
REQUIREMENTS = (ROOT / "mwaa/requirements-mwaa.txt").read_text()
PINNED = re.compile(r"^([\w.-]+)(?:\[.*\])?==(\S+)", re.MULTILINE)


def test_the_requirements_have_the_versions_of_the_lock_file() -> None:
    wanted, locked = dict(PINNED.findall(REQUIREMENTS)), dict(PINNED.findall(LOCK))
    assert set(wanted) == {"pyarrow", "numpy", "matplotlib", "pillow"}
    assert wanted.items() <= locked.items()
    direct = dict(PINNED.findall((ROOT / "requirements/airflow-mwaa.in").read_text()))
    assert wanted.items() <= direct.items()


def test_the_lock_file_has_the_versions_of_the_image() -> None:
    locked = dict(PINNED.findall(LOCK))
    assert (locked["apache-airflow"], locked["apache-airflow-providers-amazon"]) == ("3.3.1", "9.34.0")
    assert locked["aiobotocore"] == "3.9.0"


def test_the_requirements_have_no_hashes_and_name_the_constraints_in_the_folder_of_the_dags() -> None:
    assert "--hash" not in REQUIREMENTS
    assert re.findall(r"^--constraint (.*)$", REQUIREMENTS, re.MULTILINE) == [
        '"/usr/local/airflow/dags/constraints-mwaa.txt"'
    ]


def test_the_constraints_are_every_package_of_the_lock_file_without_hashes_and_extras() -> None:
    lines = constraints(LOCK).splitlines()
    assert [line.partition("==")[0] for line in lines] == [name for name, _ in PINNED.findall(LOCK)]
    assert all(re.fullmatch(r"[\w.-]+==[\w.+-]+( ; .*)?", line) for line in lines)


def test_the_zip_holds_every_file_of_the_plugins_and_the_list_of_what_airflow_ignores(tmp_path: Path) -> None:
    (tmp_path / "plugins.zip").write_bytes(plugins_zip(ROOT / "plugins"))
    with zipfile.ZipFile(tmp_path / "plugins.zip") as archive:
        names = archive.namelist()
    expected = [path.relative_to("plugins").as_posix() for path in files() if path.parts[0] == "plugins"]
    assert sorted(names) == sorted(expected)
    assert {".airflowignore", "verger_ui/templates/run.html", "verger_ui/verger_plugin.py"} <= set(names)
    assert plugins_zip(ROOT / "plugins") == (tmp_path / "plugins.zip").read_bytes()


def test_the_template_names_settings_only_and_is_valid_without_changes(tmp_path: Path) -> None:
    (tmp_path / "startup.sh").write_text(TEMPLATE)
    variables = exported(tmp_path / "startup.sh")
    assert sorted(variables) == sorted(EXPORT.findall(TEMPLATE))
    assert Settings.from_environment(variables) == Settings.from_environment({"VERGER_BUCKET": "my-bucket"})


VALUES = {
    "VERGER_BUCKET": "orchard",
    "VERGER_SUBNET_IDS": "subnet-0a1, subnet-0b2",
    "VERGER_SCHEDULE": "never",
    "VERGER_SECURITY_CONFIGURATION": """a 'quoted' "name" with $HOME and `id`""",
    "VERGER_TEST_PHOTOS": "photos.zip",
    "HOME": "/root",
}


def test_the_values_of_the_environment_are_exported_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "startup.sh").write_text(startup_script(TEMPLATE, VALUES))
    variables = exported(tmp_path / "startup.sh")
    given = {name: value for name, value in VALUES.items() if name not in ("VERGER_TEST_PHOTOS", "HOME")}
    assert given.items() <= variables.items()
    assert variables["VERGER_REGION"] == "eu-west-3"
    assert "VERGER_TEST_PHOTOS" not in variables
    assert Settings.from_environment(variables) == Settings.from_environment(given)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "VERGER_BUCKET: not set"),
        ({"VERGER_BUCKET": "orchard", "VERGER_REGION": "us-east-1"}, "VERGER_REGION: is 'us-east-1'"),
        ({"VERGER_BUCKET": "orchard", "VERGER_BUCKETS": "x"}, "VERGER_BUCKETS: no such setting"),
    ],
)
def test_a_wrong_setting_is_an_error_before_anything_is_written(values: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        startup_script(TEMPLATE, values)


def test_the_command_reports_a_wrong_setting_and_writes_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mwaa", "--out", str(tmp_path / "out")],
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}", "VERGER_BUCKET": "My Bucket"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "make mwaa: error: VERGER_BUCKET: is 'My Bucket'; expected the name of an S3 bucket" in done.stderr
    assert not (tmp_path / "out").exists()
