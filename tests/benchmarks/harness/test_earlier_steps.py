"""The steps of an earlier commit, in the command of today's steps."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from benchmarks.harness import earlier_steps
from benchmarks.harness.places import ROOT
from benchmarks.harness.steps import Command

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="needs the repository with its history")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(earlier_steps, "FOLDER", tmp_path)
    return tmp_path


def test_scripts_and_package_of_a_commit_replace_those_of_the_command(folder: Path) -> None:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True)
    earlier = earlier_steps.check_out(commit.stdout.strip())
    options = ["--conf", "spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1", "--py-files", "/set/verger_spark.zip"]
    current = Command(["spark-submit", *options, "/set/pca.py", "--features", "s3://bucket/features"], {"A": "1"})
    command = earlier_steps.command(current, earlier)
    package = folder / "earlier_steps.zip"
    assert command.argv == [
        *("spark-submit", "--conf", "spark.driver.extraJavaOptions=-Dx=1", "--py-files", str(package)),
        *(str(earlier / "spark_jobs" / "pca.py"), "--features", "s3://bucket/features"),
    ]
    assert command.environment == current.environment
    assert (earlier / "spark_jobs" / "pca.py").exists()
    packages = {name.split("/")[0] for name in zipfile.ZipFile(package).namelist()}
    assert packages == {"verger_spark", "verger_contract", "verger_photo"}


def test_an_unknown_commit_is_named(folder: Path) -> None:
    with pytest.raises(SystemExit, match="no-such-commit"):
        earlier_steps.check_out("no-such-commit")
