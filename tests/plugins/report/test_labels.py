"""Labels of a report: which ones have new photos far from their earlier ones, and their order."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from pyarrow.fs import LocalFileSystem

from tests.written_publication import ATTEMPT, orchard
from verger.publication.model import Snapshot, parse
from verger.report.drift import far_labels
from verger.report.labels import largest, merge, read
from verger.tables.parquet import Store
from verger_contract.keys import Run
from verger_contract.schemas import DRIFT

COUNTS = {"Kiwi": 100, "Yuzu": 101, "Plum": 3, "Pear": 3}


def drift(ratio: float | None) -> dict[str, Any]:
    return {"distance": 1.0, "spread": 1.0, "ratio": ratio}


@pytest.mark.parametrize(
    ("new", "ratio", "is_far"),
    [
        (1, 1.5, False),  # any single photo lies about as far from the mean as the others do
        (1, 2.5, True),
        (50, 0.45, False),
        (50, 0.55, True),
        (50, None, False),
        (50, float("nan"), False),
    ],
)
def test_the_distance_that_is_far_depends_on_the_number_of_photos(new: int, ratio: float | None, is_far: bool) -> None:
    rows = merge({"Kiwi": 100 + new}, {"Kiwi": new}, {}, {"Kiwi": drift(ratio)})
    assert far_labels(rows) == (["Kiwi"] if is_far else [])


def test_labels_come_from_the_statistics_and_new_photos_from_the_smallest_table(tmp_path: Path) -> None:
    written = orchard(tmp_path)
    kept = parse((tmp_path / "published.json").read_bytes()).kept
    store = Store(LocalFileSystem(), str(tmp_path))

    def counts(snapshot: Snapshot) -> dict[str, tuple[int, int]]:
        run = Run(store.bucket, str(snapshot.run), pca_attempt=snapshot.pca_attempt)
        return {row["label"]: (row["photos"], row["new"]) for row in read(store, run, snapshot)}

    shutil.rmtree(tmp_path / "pca")
    assert counts(kept[0]) == {"Poire à cuire": (4, 1), "柿": (2, 1)}
    drift_file = tmp_path / Run("", "2026-01-02", pca_attempt=ATTEMPT).drift / "part-0.parquet"
    drift_file.parent.mkdir()
    row = {"label": "柿", "photos": 1, "new": 1, "distance": 1.0, "spread": 1.0, "ratio": 1.0}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row], DRIFT.arrow), drift_file)
    shutil.rmtree(tmp_path / "features")
    assert counts(kept[0]) == {"Poire à cuire": (4, 0), "柿": (2, 1)}
    assert counts(kept[1]) == {"Poire à cuire": (4, 4), "柿": (2, 2)}, "all photos of a first run are new"
    assert len(written.runs) == 2


def test_labels_are_ordered_by_drift_then_rejects_and_may_have_rejects_alone() -> None:
    rows = merge(COUNTS, {"Kiwi": 50, "Yuzu": 1}, {"Plum": 1, "Quince": 4}, {"Kiwi": drift(0.6), "Yuzu": drift(0.9)})
    assert [row["label"] for row in rows] == ["Kiwi", "Yuzu", "Quince", "Plum", "Pear"]
    assert rows[2] == {
        "label": "Quince",
        "photos": 0,
        "new": 0,
        "rejected": 4,
        "distance": None,
        "spread": None,
        "ratio": None,
        "suspects": 0,
        "new_suspects": 0,
    }
    assert largest(rows, 3) == ["Yuzu", "Kiwi", "Pear"]
