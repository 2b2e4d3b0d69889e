"""The commands of docs/data-protection.md do what the page says."""

from __future__ import annotations

import re
from typing import Any

import jmespath  # type: ignore[import-untyped]

from tests.places import ROOT

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
