"""The reference stays a bounded sample of the current photos."""

from __future__ import annotations

import numpy as np
import pytest

from tests.spark_jobs.suspects.drawn import photos
from verger_contract.schemas import REFERENCE
from verger_verify.suspects.judge import Photos
from verger_verify.suspects.reference import MOST_COORDINATES, Reference, leading, level


def of(found: Photos, **kwargs: bool) -> Reference:
    """Return a reference with all of some photos."""
    return Reference.of(found.paths, found.labels, found.coordinates, **kwargs)


def test_small_labels_stay_whole_and_large_ones_are_cut_to_one_level() -> None:
    bounded = of(photos({"Kiwi": 5, "Apple": 300, "Plum": 100})).bounded(105, 5)
    assert {label: len(rows) for label, rows in bounded.rows_of.items()} == {"Kiwi": 5, "Apple": 50, "Plum": 50}


def test_a_publication_below_the_bound_is_the_reference() -> None:
    everything = of(photos({"Kiwi": 5, "Apple": 30}))
    assert everything.bounded(35) is everything


def test_of_very_many_labels_some_are_chosen() -> None:
    many = of(photos({f"label {number}": 4 for number in range(50)})).bounded(40, 4)
    assert len(many.rows_of) == 10
    assert len(many.paths) == 40


def test_the_sample_does_not_depend_on_the_order_or_on_the_runs() -> None:
    first, second = photos({"Kiwi": 60, "Apple": 90}, seed=1), photos({"Plum": 70}, seed=2)
    at_once = of(first).plus(of(second)).bounded(100)
    backwards = Photos(first.paths[::-1], first.labels[::-1], first.coordinates[::-1])
    in_two_runs = of(backwards).bounded(100).plus(of(second)).bounded(100)
    assert at_once.paths == in_two_runs.paths
    np.testing.assert_array_equal(at_once.coordinates, in_two_runs.coordinates)


def test_removed_photos_leave_and_new_ones_are_marked() -> None:
    before = of(photos({"Kiwi": 10}))
    after = before.without({"Kiwi/0003.jpg"}).plus(of(photos({"Plum": 2}), new=True))
    assert "Kiwi/0003.jpg" not in after.positions
    assert after.new == {"Plum/0000.jpg", "Plum/0001.jpg"}
    assert len(after.paths) == 11
    row = after.positions["Kiwi/0005.jpg"]
    np.testing.assert_array_equal(after.coordinates[row], photos({"Kiwi": 10}).coordinates[5])


def test_the_table_has_the_columns_of_the_contract_and_gives_the_reference_back() -> None:
    reference = of(photos({"Kiwi": 10, "Plum": 3}))
    table = reference.table("A~0a1b2c3d")
    assert table.schema.equals(REFERENCE.arrow)
    found = Reference.parse(table, "A~0a1b2c3d")
    assert found
    assert (list(found.paths), list(found.labels)) == (list(reference.paths), list(reference.labels))
    np.testing.assert_array_equal(found.coordinates, reference.coordinates)


def test_coordinates_of_another_basis_are_not_used() -> None:
    assert Reference.parse(of(photos({"Kiwi": 10})).table("A"), "B") is None


@pytest.mark.parametrize("width", [0, 3])
def test_an_empty_reference_can_be_written_and_read(width: int) -> None:
    empty = Reference([], [], np.empty((0, width), np.float32))
    found = Reference.parse(empty.table("A"), "A")
    assert found is not None
    assert len(found.paths) == 0


def test_only_the_first_coordinates_are_compared() -> None:
    assert leading(np.ones((2, 1280))).shape == (2, MOST_COORDINATES)


def test_the_level_uses_the_whole_bound() -> None:
    counts = [1, 7, 40, 900, 1000]
    each = level(counts, 500)
    assert each is not None
    assert sum(min(count, each) for count in counts) <= 500 < sum(min(count, each + 1) for count in counts)


def test_the_spread_is_the_root_mean_square_distance_from_the_mean() -> None:
    reference = Reference.of(["a/1", "a/2"], ["a", "a"], np.array([[1, 0], [4, 4]], np.float32))
    assert reference.spread == 2.5
    assert Reference.empty().spread == 0
