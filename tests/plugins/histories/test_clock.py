"""Clocks that go back between runs: ETags decide what is current, times only what is old."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.places import long_form
from tests.plugins.orchard import Orchard
from verger.publication.rollback import rollback
from verger.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAMES = [f"{label}/{number}.jpg" for label in ("Kiwi", "Fig") for number in range(6)]


@pytest.fixture
def orchard(settings: Settings, client: S3Client, tmp_path: Path) -> Orchard:
    made = Orchard(settings, client, tmp_path)
    for name in NAMES:
        made.put(name, f"photo {name}".encode())
    return made


@pytest.mark.parametrize("days", [-400, long_form(-1), long_form(1), 400])
def test_the_next_run_publishes_whatever_the_clock_says(orchard: Orchard, days: float) -> None:
    orchard.run("one")
    orchard.pass_days(days)
    orchard.put(NAMES[0], b"another")
    orchard.put("Pear/1.jpg", b"new")
    made = orchard.run("two")
    assert (made.photos["new"], made.photos["changed"]) == (1, 1)
    published = orchard.json("published.json")
    assert (published["run"], published["photos"]) == ("two", len(NAMES) + 1)
    assert not orchard.run("three").work


def test_a_snapshot_of_the_future_can_be_rolled_back_to_and_is_not_deleted(orchard: Orchard) -> None:
    orchard.pass_days(30)
    orchard.run("future")
    orchard.pass_days(-30)
    orchard.put("Pear/1.jpg", b"new")
    orchard.run("present")
    assert orchard.listing("features/run=future")
    rollback(orchard.client, orchard.bucket, "future", orchard.now)
    assert orchard.json("published.json")["run"] == "future"
    orchard.run("again")
    assert orchard.json("published.json")["run"] == "again"
