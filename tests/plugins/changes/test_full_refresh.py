"""When a run featurizes all photos."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.plugins.snapshots import snapshot
from verger.changes.full_refresh import FeatureIdentity, FullRefresh, full_refresh
from verger.publication.model import Publication, Snapshot, parse

BASE = snapshot("base")
SAME = FeatureIdentity("ab" * 32, "2-exact")
SCALED = replace(SAME, preprocessing="2-scaled")
OTHER_MODEL = replace(SAME, model_sha256="00" * 32)
SCALED_NOW = "the preprocessing changed (published 2-exact, now 2-scaled)"


@pytest.mark.parametrize(
    ("identity", "prefix", "requested", "expected"),
    [
        (SAME, "images/", False, FullRefresh()),
        (OTHER_MODEL, "images/", False, FullRefresh("the model changed", other_features=True)),
        (OTHER_MODEL, "images/", True, FullRefresh("the model changed", other_features=True)),
        (SCALED, "images/", False, FullRefresh(SCALED_NOW, other_features=True)),
        (SCALED, "images/Kiwi/", True, FullRefresh(SCALED_NOW, other_features=True)),
        (SAME, "images/Kiwi/", False, FullRefresh("the prefix of the photos changed")),
        (SAME, "images/", True, FullRefresh("a full refresh was requested")),
    ],
)
def test_reasons_for_a_full_refresh(
    identity: FeatureIdentity, prefix: str, requested: bool, expected: FullRefresh
) -> None:
    found = full_refresh(BASE, identity, prefix, requested=requested)
    assert found == expected
    assert bool(found) == bool(expected.reason)


@pytest.mark.parametrize("published", [None, snapshot(None)])
def test_without_published_photos_nothing_has_changed(published: Snapshot | None) -> None:
    assert not full_refresh(published, replace(SCALED, model_sha256="00" * 32), "other/", requested=False)


def test_a_publication_of_an_earlier_verger_has_another_preprocessing() -> None:
    earlier = snapshot("base", model={"weights": "imagenet", "sha256": "ab" * 32})
    published = parse(json.dumps(Publication(earlier, (earlier,)).document()).encode())
    for found in published.kept:
        reason = full_refresh(found, SAME, "images/", requested=False).reason
        assert reason == "the preprocessing changed (published 1, now 2-exact)"
