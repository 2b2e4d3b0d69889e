"""A photo arrives, changes, disappears: what each run does, and what is published afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pytest

import verger_reader
from tests.plugins.orchard import Orchard, vector
from verger.publish import current
from verger.settings import Settings


@pytest.fixture
def orchard(settings: Settings, client: Any, tmp_path: Path) -> Orchard:
    return Orchard(settings, client, tmp_path)


def assert_published(orchard: Orchard) -> None:
    """The published set is what a full reprocessing of the bucket would give, row for row."""
    published = verger_reader.open_publication(f"s3://{orchard.bucket}")
    rows = {row["path"]: row for row in published.features().to_pylist()}
    wanted = orchard.readable()
    assert rows.keys() == wanted.keys()
    components = published.basis().components
    coordinates = {row["path"]: row for row in published.pca().to_pylist()}
    assert coordinates.keys() == wanted.keys()
    for path, content in wanted.items():
        assert numpy.array_equal(numpy.array(rows[path]["features"], numpy.float32), vector(content))
        numpy.testing.assert_allclose(coordinates[path]["pca_features"], vector(content) @ components, atol=1e-9)
        assert rows[path]["label"] == coordinates[path]["label"] == path.split("/")[-2]


def test_only_what_is_new_or_changed_is_featurized(orchard: Orchard) -> None:
    for number in range(12):
        orchard.put(f"Kiwi/{number}.jpg", b"%d" % number)
    assert orchard.run("one").photos["new"] == 12
    assert_published(orchard)
    orchard.put("Kiwi/0.jpg", b"another")
    orchard.put("Pear/12.jpg", b"12")
    orchard.delete("Kiwi/5.jpg")
    plan = orchard.run("two")
    assert plan.why == "1 new, 1 changed, 1 deleted"
    assert [key for key, _ in orchard.begin("two").place.store.versions("runs/two/work.parquet")] == [
        "images/Kiwi/0.jpg", "images/Pear/12.jpg",
    ]  # fmt: skip
    assert_published(orchard)
    facts = current(orchard.client, orchard.bucket)
    assert facts is not None
    assert [(run.run, run.rows, run.live) for run in facts.publication.current.features] == [
        ("one", 12, 10),
        ("two", 2, 2),
    ]
    assert not orchard.run("three").work
    assert_published(orchard)
