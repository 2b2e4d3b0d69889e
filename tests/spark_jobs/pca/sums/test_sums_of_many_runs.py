"""Statistics that many runs update, compared with sums over all rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from verger_contract.errors import VergerError
from verger_spark.pca.spectrum import explained_by, fit
from verger_spark.pca.sums import statistics
from verger_spark.pca.sums.covariance import Moments
from verger_spark.pca.sums.label_sums import LabelSums
from verger_spark.pca.sums.statistics import Statistics

WIDTH = 48
RUNS = 1000


def drawn(random: np.random.Generator, rows: int) -> np.ndarray:
    """Features that are at least 0, as those of the network, with a mean as large as their deviation."""
    scale = np.linspace(2, 0.05, WIDTH)
    return np.abs(random.normal(size=(rows, WIDTH)) * scale + random.normal() * 0.1).astype(np.float32)


def test_a_thousand_updates_differ_from_a_full_pass_by_rounding_errors_only() -> None:
    """The explained variance differs by less than 1e-12, and the decision to keep the basis uses nothing else."""
    random = np.random.default_rng(7)
    rows = drawn(random, 3000)
    moments = Moments.of([rows])
    components = fit(moments, 0.9, WIDTH).components
    worst = 0.0
    for run in range(RUNS):
        removed = np.zeros(len(rows), bool)
        removed[random.choice(len(rows), random.integers(0, 40), replace=False)] = True
        new = drawn(random, int(random.integers(1, 40)))
        deleted = Moments.of([rows[removed]]) if removed.any() else None
        moments = moments.plus(Moments.of([new])).minus(deleted)
        rows = np.concatenate([rows[~removed], new])
        if run % 100 == 99:
            updated, full = (explained_by(components, found) for found in (moments, Moments.of([rows])))
            assert updated is not None
            assert full is not None
            worst = max(worst, abs(float(updated.sum()) - float(full.sum())))
    assert moments.count == len(rows)
    assert worst < 1e-12


def test_sums_of_no_photos_are_exactly_zero() -> None:
    rows = drawn(np.random.default_rng(1), 20)
    left = Moments.of([rows[:15]]).plus(Moments.of([rows[15:]])).minus(Moments.of([rows[::-1]]))
    assert left.count == 0
    assert not left.gram.any()
    assert not left.total.any()


def test_more_photos_cannot_be_removed_than_there_are() -> None:
    rows = drawn(np.random.default_rng(1), 20)
    with pytest.raises(VergerError, match="expected at least the 20 photos that are removed, found 5"):
        Moments.of([rows[:5]]).minus(Moments.of([rows]))
    with pytest.raises(VergerError, match="expected one width, found 48 and 3"):
        Moments.of([rows]).plus(Moments.zero(3))


def test_sums_of_labels_are_added_and_removed() -> None:
    random = np.random.default_rng(3)
    coordinates, labels = random.normal(size=(60, 5)), np.array(["Kiwi", "Pêche 1", "柿"])[random.integers(0, 3, 60)]
    whole, part, rest = LabelSums(), LabelSums(), LabelSums()
    whole.add(pa.array(labels), coordinates)
    part.add(pa.array(labels[:25]), coordinates[:25])
    rest.add(pa.array(labels[25:]), coordinates[25:])
    for found, expected in ((part.plus(rest), whole), (whole.minus(rest), part)):
        assert found.photos == expected.photos
        assert found.by_label.keys() == expected.by_label.keys()
        for label, sums in expected.by_label.items():
            of_label = found.by_label[label]
            assert of_label.photos == sums.photos
            np.testing.assert_allclose(of_label.mean, sums.mean, atol=1e-12)
            assert of_label.spread == pytest.approx(sums.spread, abs=1e-12)
    assert whole.minus(whole).by_label == {}


def test_equal_photos_have_no_spread() -> None:
    sums = LabelSums()
    sums.add(pa.array(["Kiwi"] * 7), np.full((7, 4), 0.1))
    assert sums.by_label["Kiwi"].spread == 0.0


def test_statistics_are_read_as_they_were_written(tmp_path: object) -> None:
    uri = f"file://{tmp_path}/statistics~1/"
    rows, labels = drawn(np.random.default_rng(3), 30), LabelSums()
    labels.add(pa.array(["Kiwi"] * 10 + ["柿"] * 20), rows[:, :4].astype(np.float64))
    statistics.save(Statistics(Moments.of([rows]), labels), uri)
    found = statistics.load(uri)
    assert found.moments.pack() == Moments.of([rows]).pack()
    assert found.labels.table() == labels.table()


def test_damaged_statistics_have_a_remedy(tmp_path: object) -> None:
    uri = f"file://{tmp_path}/statistics~1/"
    with pytest.raises(
        VergerError,
        match=r"expected the statistics of the publication .* start a new run of the DAG, which reads all features",
    ):
        statistics.load(uri)
    rows, labels = drawn(np.random.default_rng(3), 30), LabelSums()
    labels.add(pa.array(["Kiwi"] * 10), rows[:10, :4].astype(np.float64))
    statistics.save(Statistics(Moments.of([rows]), labels), uri)
    with pytest.raises(VergerError, match=r"expected the same photos in moments\.bin and labels\.parquet, found 30"):
        statistics.load(uri)
