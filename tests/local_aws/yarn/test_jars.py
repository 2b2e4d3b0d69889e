"""The jars of YARN are downloaded once, and their content is pinned."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from local_aws.yarn import jars

VENV = Path("/venv")


@pytest.fixture
def content(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The content of the files that Ivy downloads, by name: two small files in place of the jars."""
    files = {"org.x_one-1.0.jar": "one", "org.x_two-1.0.jar": "two", "org.y_dependency-1.0.jar": "not requested"}

    def run_ivy(
        venv: Path, wanted: Iterable[str], excluded: Iterable[str], scratch: Path
    ) -> subprocess.CompletedProcess[str]:
        assert venv == VENV
        folder = scratch / "ivy" / "jars"
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(text)
        return subprocess.CompletedProcess([], 0, "module not found: org.x#one;1.0")

    monkeypatch.setattr(jars, "run_ivy", run_ivy)
    artifacts = {f"org.x:{name}:1.0": hashlib.sha256(name.encode()).hexdigest() for name in ("one", "two")}
    monkeypatch.setattr(jars, "ARTIFACTS", artifacts)
    return files


def test_download_once(content: dict[str, str], tmp_path: Path) -> None:
    folder = jars.download(VENV, tmp_path / "jars")
    assert folder is not None
    assert sorted(path.name for path in folder.iterdir()) == ["one-1.0.jar", "two-1.0.jar"]
    assert jars.download(VENV, tmp_path / "jars") is None


def test_another_content_is_an_error_and_leaves_no_folder(content: dict[str, str], tmp_path: Path) -> None:
    content["org.x_two-1.0.jar"] = "replaced"
    with pytest.raises(RuntimeError, match=r"two-1\.0\.jar: expected SHA-256 [0-9a-f]{64}, found "):
        jars.download(VENV, tmp_path / "jars")
    assert list((tmp_path / "jars").iterdir()) == []


def test_a_missing_file_says_what_to_do(content: dict[str, str], tmp_path: Path) -> None:
    del content["org.x_one-1.0.jar"]
    with pytest.raises(RuntimeError, match=r"org\.x:one:1\.0: .* Maven Central, or copy the folder(.|\n)*not found"):
        jars.download(VENV, tmp_path / "jars")
