"""Current rows of coordinates, and photos of each label, over several tables and for an earlier Verger."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
from pyarrow.fs import LocalFileSystem

from tests.written_publication import WIDTH, WrittenBucket, orchard, photo
from verger.publication import coordinates
from verger.publication.model import Snapshot, parse
from verger.tables.parquet import Store, rows_of
from verger_contract.keys import Run

REMOVED = [("images/柿/2.jpg", "007"), ("images/柿/new.jpg", "2026-01-02")]


def current(written: WrittenBucket) -> tuple[Store, Snapshot]:
    publication = parse((written.folder / "published.json").read_bytes())
    return Store(LocalFileSystem(), str(written.folder)), publication.current


def paths(store: Store, snapshot: Snapshot) -> list[str]:
    names = ("path", "features_run", "label")
    rows = [
        row
        for file in coordinates.files(store, snapshot)
        for row in rows_of(coordinates.batches(store, file, ("path", "label")), names)
    ]
    return sorted(row[0] for row in coordinates.without_deleted(store, snapshot, rows))


@pytest.mark.parametrize("project", [(), ("007",), ("007", "2026-01-02")])
def test_exactly_the_current_rows_are_read(project: tuple[str, ...], tmp_path: Path) -> None:
    written = orchard(tmp_path)
    written.publish("third", [photo("images/Kiwi/3.jpg", "third", numpy.ones(WIDTH))], REMOVED, project)
    store, snapshot = current(written)
    assert paths(store, snapshot) == sorted(written.current)
    assert coordinates.labels(store, snapshot) == {"Kiwi": 1, "Poire à cuire": 4}


def test_all_rows_of_an_earlier_verger_are_current(tmp_path: Path) -> None:
    written = orchard(tmp_path, WrittenBucket(tmp_path, version=3))
    store, snapshot = current(written)
    assert (snapshot.pca[0].features, snapshot.since_full_pass) == (None, None)
    assert paths(store, snapshot) == sorted(written.current)
    assert coordinates.labels(store, snapshot) == {"Poire à cuire": 4, "柿": 2}


def test_an_empty_snapshot_has_no_rows_and_no_labels(tmp_path: Path) -> None:
    written = orchard(tmp_path)
    written.unpublish()
    store, snapshot = current(written)
    assert paths(store, snapshot) == []
    assert coordinates.labels(store, snapshot) == {}


def test_labels_are_read_without_the_coordinates(tmp_path: Path) -> None:
    written = orchard(tmp_path)
    store, snapshot = current(written)
    for file in coordinates.files(store, snapshot):
        (tmp_path / file.key).unlink()
    assert coordinates.labels(store, snapshot) == {"Poire à cuire": 4, "柿": 2}
    (tmp_path / Run("", str(snapshot.run), pca_attempt=snapshot.pca_attempt).label_sums).unlink()
    with pytest.raises(FileNotFoundError, match=r"labels\.parquet"):
        coordinates.labels(store, snapshot)
