"""Splits: every photo once, large splits first, small ones at the end; a large file counts as several photos."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from verger_photo.limits.sizes import MAX_BYTES
from verger_spark.features.splits import BANDS, BYTES, INTERLEAVED, LARGEST, SMALLEST, SUMS, SplitRows, Splits, Weights

LARGEST_OF_ANY = st.sampled_from([1, 5, 512, LARGEST])
SIZES = st.lists(st.sampled_from([0, 5_000, BYTES, 4_000_000, 200_000_000, 10 * MAX_BYTES]), min_size=1, max_size=400)
CAMERA_BYTES = 4_000_000


def weights_of(sizes: list[int], *, at_once: int = 100) -> Weights:
    parts = [np.array(sizes[start : start + at_once]) for start in range(0, len(sizes), at_once)]
    return Weights.of(parts, len(sizes))


def rows_of(splits: Splits) -> list[SplitRows]:
    return [splits.rows(number) for number in range(len(splits))]


def numbers_of(rows: SplitRows) -> range:
    return range(rows.start + rows.offset, rows.stop, rows.stride)


@given(st.integers(1, 10**8), st.integers(1, 5000), st.sampled_from([512, LARGEST]))
def test_groups_cover_all_photos_in_splits_that_shrink(photos: int, cores: int, largest: int) -> None:
    found = Splits.of(Weights.equal(photos), cores, largest)
    stops = [group.stop for group in found.groups]
    assert [group.start for group in found.groups] == [0, *stops[:-1]]
    assert stops[-1] == photos
    sizes = [(group.stop - group.start) / group.splits for group in found.groups]
    # The last split of a band may have few photos.
    assert all(after <= before * 1.04 + 1 or after <= SMALLEST for before, after in pairwise(sizes))
    assert len(found) == sum(group.splits for group in found.groups) >= min(cores, photos)
    assert max(sizes) <= largest
    if photos > 4 * cores * BANDS[-1][1] * SMALLEST and largest == LARGEST:
        assert sizes[-1] < sizes[0] / 12
    if photos >= cores * SMALLEST and largest == LARGEST:
        assert sizes[-1] > SMALLEST * 0.49


@given(SIZES, st.integers(1, 40), LARGEST_OF_ANY)
def test_every_row_is_in_one_split(sizes: list[int], cores: int, largest: int) -> None:
    splits = Splits.of(weights_of(sizes), cores, largest)
    all_rows: list[int] = []
    for rows in rows_of(splits):
        assert len(numbers_of(rows)) == rows.row_count
        assert 1 <= rows.row_count <= largest
        all_rows += numbers_of(rows)
    assert sorted(all_rows) == list(range(len(sizes)))
    assert len(splits) >= min(cores, len(sizes))
    for number in (-1, len(splits)):
        with pytest.raises(IndexError):
            splits.rows(number)


def test_neighbours_in_the_inventory_are_in_different_splits() -> None:
    """Photos of one folder are neighbours and take about the same time."""
    splits = Splits.of(Weights.equal(1_000_000), 8)
    first = splits.rows(0)
    assert 0.98 * LARGEST < first.row_count <= LARGEST
    assert first.stride == INTERLEAVED
    assert first.stop - first.start > (INTERLEAVED - 1) * first.row_count
    assert [splits.rows(number).offset for number in range(INTERLEAVED + 1)] == [*range(INTERLEAVED), 0]


def split_weights(sizes: NDArray[np.int64], cores: int) -> list[int]:
    splits = Splits.of(Weights.of([sizes], len(sizes)), cores)
    return [int((1 + sizes[[*numbers_of(rows)]] // BYTES).sum()) for rows in rows_of(splits)]


@pytest.mark.parametrize(
    "sizes",
    [
        np.full(100_000, CAMERA_BYTES),
        np.repeat([5_000, CAMERA_BYTES], [900_000, 100_000]),  # one folder of camera photos at the end
        np.tile([CAMERA_BYTES, 8_000], 100_000),  # each photo beside its thumbnail
    ],
    ids=["camera", "a folder of camera photos", "thumbnails"],
)
def test_no_task_repeats_much_more_than_the_time_of_the_largest_split(sizes: NDArray[np.int64]) -> None:
    """4,096 photos of 12 megapixels would take minutes: a split of them has fewer."""
    found = split_weights(sizes, 8)
    assert max(found) <= 1.1 * LARGEST
    assert max(found[-INTERLEAVED:]) <= 1.2 * LARGEST / BANDS[-1][1]  # the last ones are small by weight too


def test_a_few_camera_photos_end_in_small_splits() -> None:
    found = split_weights(np.full(480, CAMERA_BYTES), 2)
    assert found[0] > 3 * found[-1]


def test_a_file_above_the_limit_is_not_downloaded_and_weighs_as_one_photo() -> None:
    assert weights_of([10, BYTES - 1, BYTES, 3 * BYTES, MAX_BYTES + 1]).sums.tolist() == [0, 1, 2, 4, 8, 9]


def test_weights_of_many_rows_take_a_bounded_number_of_sums() -> None:
    """A sum covers several rows, wherever the arrays of sizes end. Between two sums the rows are divided evenly."""
    photos = 2 * SUMS + 5
    sizes = np.where(np.arange(photos) < photos // 2, 0, CAMERA_BYTES)
    found = Weights.of(np.array_split(sizes, 7), photos)
    assert (found.step, len(found.sums)) == (3, -(-photos // 3) + 1)
    exact = np.cumsum(1 + sizes // BYTES)
    assert found.total == exact[-1]
    for row in (0, 1, 2, 3, photos // 2, photos - 1):
        assert abs(found.row_of(int(exact[row])) - (row + 1)) <= 1
