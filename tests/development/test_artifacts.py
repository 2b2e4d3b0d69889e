"""The artifact set is built again after an edit of the steps' code."""

from __future__ import annotations

from pathlib import Path

import pytest

from development import artifacts


def test_an_edit_changes_the_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifacts, "ROOT", tmp_path)
    for name in ("spark_jobs/pca.py", "spark_jobs/verger_spark/session.py", "bootstrap/bootstrap_emr.sh"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    before = artifacts.sources()
    assert artifacts.sources() == before
    (tmp_path / "spark_jobs/verger_spark/session.py").write_text("after it")
    assert artifacts.sources() != before


def test_a_seed_adds_missing_folders_and_changes_no_other(tmp_path: Path) -> None:
    source, target = tmp_path / "image", tmp_path / "volume"
    for folder, text in ((source / "model/a", "new"), (source / "model/b", "new"), (target / "model/a", "mine")):
        folder.mkdir(parents=True)
        (folder / "file").write_text(text)
    artifacts.seed(source, target)
    found = {path.relative_to(target).as_posix(): path.read_text() for path in target.rglob("file")}
    assert found == {"model/a/file": "mine", "model/b/file": "new"}
