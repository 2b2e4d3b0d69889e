"""The search over the files of a run, for a first run and for an update."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tests.spark_jobs.suspects.drawn import centre, photos, with_photo
from verger_contract.schemas import SuspectKind
from verger_verify.suspects import search
from verger_verify.suspects.judge import Photos
from verger_verify.suspects.search import Before

COUNTS = {"Banana": 60, "Kiwi": 60, "Plum": 60}
WRONG = "Kiwi/wrong banana.jpg"


def batches(part: Photos) -> Iterator[pa.RecordBatch]:
    """Yield the photos of a part, as the coordinates of a run have them, in two batches."""
    vectors = pa.array(part.coordinates.astype(np.float64).tolist(), pa.list_(pa.float64()))
    table = pa.table({"path": [*part.paths], "label": [*part.labels], "pca_features": vectors}).combine_chunks()
    yield from table.to_batches(max_chunksize=max(len(table) // 2 + 1, 1))


def over(parts: Sequence[Photos], read: Callable[[Photos], Any], none: Any) -> Any:
    """Read the parts one after the other. What Spark sends to its tasks and back is pickled."""
    for part in parts:
        none = none.plus(pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(read))(part))))  # noqa: S301 (our own)
    return none


def searched(parts: Sequence[Photos], before: Before | None = None, run: str = "A") -> Before:
    """Return what a run finds whose tables have some parts."""
    count = sum(len(part.paths) for part in parts)
    return search.search(partial(over, parts), batches, count, before or Before(), run)


def split(found: Photos, size: int) -> list[Photos]:
    """Divide photos into parts."""
    places = range(0, len(found.paths), size)
    return [
        Photos(found.paths[at : at + size], found.labels[at : at + size], found.coordinates[at : at + size])
        for at in places
    ]


def one(path: str, label: str) -> Photos:
    """Return a single photo that lies where a label lies."""
    return with_photo(photos({}), path, photos({label: 1}, seed=9).coordinates[0])


@pytest.mark.parametrize("few", [0, 10_000])
def test_a_first_run_compares_all_photos(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    monkeypatch.setattr(search, "FEW", few)
    found = searched(split(with_photo(photos(COUNTS), WRONG, centre("Banana")), 50))
    assert [(row.path, row.kind) for row in found.suspects.rows] == [(WRONG, SuspectKind.LABEL_DISAGREES)]
    assert (found.suspects.photos, len(found.reference.paths)) == (181, 181)


def test_an_update_compares_its_own_photos_alone() -> None:
    first = searched([photos(COUNTS)])
    second = searched([one(WRONG, "Banana"), one("Kiwi/right.jpg", "Kiwi")], first)
    assert [row.path for row in second.suspects.rows] == [WRONG]
    assert second.suspects.photos == 2
    assert len(second.reference.paths) == 182


def test_suspects_stay_until_their_photo_is_removed() -> None:
    first = searched([with_photo(photos(COUNTS), WRONG, centre("Banana"))])
    second = searched([one("Plum/right.jpg", "Plum")], first, run="B")
    assert [(row.path, row.run) for row in second.suspects.rows] == [(WRONG, "A")]
    third = searched([], second.without({WRONG}))
    assert third.suspects.rows == []
    assert WRONG not in third.reference.positions


def test_a_corrected_photo_is_no_suspect_any_more() -> None:
    first = searched([with_photo(photos(COUNTS), WRONG, centre("Banana"))])
    assert searched([one(WRONG, "Kiwi")], first.without({WRONG})).suspects.rows == []


@pytest.mark.parametrize("size", [7, 1000])
def test_a_large_publication_is_compared_with_a_sample_of_each_label(
    monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(search, "FEW", 0)
    monkeypatch.setattr(search, "MOST", 60)
    monkeypatch.setattr("verger_verify.suspects.reference.Reference.bounded.__defaults__", (60, 10))
    everything = with_photo(photos(COUNTS), WRONG, centre("Banana"))
    found = searched(split(everything, size))
    assert {label: len(rows) for label, rows in found.reference.rows_of.items()} == dict.fromkeys(COUNTS, 20)
    assert [row.path for row in found.suspects.rows] == [WRONG]
    assert found.suspects.photos == 181


def test_a_run_without_photos_of_its_own_changes_nothing() -> None:
    first = searched([photos(COUNTS)])
    again = searched([], first)
    assert again.reference.paths == first.reference.paths
    assert again.suspects.photos == 0


def test_photos_without_coordinates_have_no_suspects() -> None:
    nothing = Photos(["Kiwi/1.jpg", "Kiwi/2.jpg"], ["Kiwi", "Kiwi"], np.empty((2, 0), np.float32))
    assert searched([nothing]).suspects.rows == []
