"""The commands of docs/data-protection.md do what the page says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import jmespath  # type: ignore[import-untyped]
import pytest

from tests.docs.pages import Page
from tests.places import ROOT
from tests.written_publication import orchard

PAGE = (ROOT / "docs/data-protection.md").read_text()
QUERY = re.compile(r'list-object-versions .*--query "(.*)"\)"')


def version(key: str, name: str) -> dict[str, Any]:
    return {"Key": key, "VersionId": name, "IsLatest": False, "LastModified": "2026-11-27T08:00:00Z"}


def test_the_query_selects_all_versions_and_delete_markers_of_one_photo_only() -> None:
    (query,) = QUERY.findall(PAGE)
    key = "images/Kiwi/7.jpg"
    listed = {"Versions": [version(key, "a"), version(f"{key}.bak", "b")], "DeleteMarkers": [version(key, "c")]}
    selected = [{"Key": key, "VersionId": name} for name in ("a", "c")]
    assert jmespath.search(query, listed) == {"Objects": selected}
    without_markers = {"Versions": listed["Versions"]}
    assert jmespath.search(query, without_markers) == {"Objects": selected[:1]}


def test_the_example_prints_the_features_and_coordinates_of_one_photo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = orchard(tmp_path)
    photo = sorted(bucket.current)[0]
    (example,) = Page(Path("docs/data-protection.md")).blocks("python")
    code = example.replace("s3://my-bucket", bucket.root).replace("images/Kiwi/7.jpg", photo)
    (tmp_path / "example.py").write_text(code)
    runpy.run_path(str(tmp_path / "example.py"))
    features, coordinates = capsys.readouterr().out.splitlines()
    assert f"'path': '{photo}'" in features
    assert f"'path': '{photo}'" in coordinates
    assert len(features.split(", ")) > 1280
    assert "pca_features" in coordinates
