"""The example of a consumer DAG: the producer's asset triggers it, and the classifier learns labels that differ."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
from airflow.dag_processing.dagbag import DagBag

from tests.places import ROOT
from tests.written_publication import WIDTH, WrittenBucket, photo
from verger_reader import open_publication

LABELS, PER_LABEL = ("Apple", "Kiwi", "柿", "Poire à cuire"), 60


@pytest.fixture(scope="module", autouse=True)
def bucket() -> Iterator[None]:
    """Name the bucket: both DAGs read the variable when they are parsed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VERGER_BUCKET", "orchard")
        yield


@pytest.fixture(scope="module")
def consumer(bucket: None) -> Any:
    """Return the module of the consumer DAG."""
    return importlib.import_module("tests.dags.consumer.fruit_classifier")


def bag(folder: Path) -> Any:
    found = DagBag(dag_folder=str(folder))
    assert found.import_errors == {}
    return found.dags


def test_the_consumer_is_scheduled_on_the_asset_of_the_producer() -> None:
    consumers = bag(ROOT / "tests/dags/consumer")
    assert list(consumers) == ["fruit_classifier"]
    (asset,) = consumers["fruit_classifier"].timetable.asset_condition.objects
    (published,) = bag(ROOT / "dags")["fruit_features"].get_task("publish").outlets
    # The asset itself, not a reference: a DAG that is scheduled on a reference gets no events.
    assert asset == published


@pytest.fixture(scope="module")
def orchard(tmp_path_factory: pytest.TempPathFactory) -> WrittenBucket:
    """Publish clearly different labels as run `right`, then the same photos with shuffled labels as run `shuffled`."""
    random = numpy.random.default_rng(11)
    rows = []
    for label in LABELS:
        centre = random.normal(size=WIDTH)
        for number in range(PER_LABEL):
            vector = centre + 0.1 * random.normal(size=WIDTH)
            rows.append(photo(f"images/{label}/{number}.jpg", "1", vector))
    bucket = WrittenBucket(tmp_path_factory.mktemp("orchard"))
    bucket.publish("right", rows)
    labels = random.permutation([row["label"] for row in rows])
    shuffled = [{**row, "label": str(label)} for row, label in zip(rows, labels, strict=True)]
    bucket.publish("shuffled", shuffled, [(row["path"], "right") for row in rows])
    return bucket


def test_the_classifier_learns_labels_that_differ(consumer: Any, orchard: WrittenBucket) -> None:
    result = consumer.measure(open_publication(orchard.root, run="right"))
    assert result["accuracy"] > 0.99
    assert (result["run"], result["photos"], result["labels"]) == ("right", 240, 4)
    assert 0.1 < result["held_out"] / 240 < 0.3
    assert result == consumer.measure(open_publication(orchard.root, run="right"))


def test_shuffled_labels_cannot_be_learned(consumer: Any, orchard: WrittenBucket) -> None:
    assert 0.1 < consumer.measure(open_publication(orchard.root))["accuracy"] < 0.4


def test_too_few_photos_are_an_error(consumer: Any, tmp_path: Path) -> None:
    bucket = WrittenBucket(tmp_path)
    bucket.publish("one", [photo("images/Kiwi/1.jpg", "1", numpy.ones(WIDTH))])
    with pytest.raises(ValueError, match="run one: 1 photos are too few"):
        consumer.measure(open_publication(bucket.root))


def event(hour: int, run: str | None) -> Any:
    return SimpleNamespace(timestamp=datetime(2026, 1, 1, hour, tzinfo=UTC), extra={"run": run})


@pytest.mark.parametrize(
    ("events", "run"),
    [
        (None, None),
        ({}, None),
        ({"fruit_features": [event(2, "first"), event(4, "third"), event(3, "second")]}, "third"),
        ({"fruit_features": [event(2, "first"), event(5, None)]}, None),
    ],
)
def test_the_newest_triggering_publication_is_read(consumer: Any, events: Any, run: str | None) -> None:
    assert consumer.triggering_run(events) == run
