"""Splits: every photo once, large splits first, small ones at the end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verger_spark.features.splits import BANDS, INTERLEAVED, LARGEST, SMALLEST, Splits

LARGEST_OF_ANY = st.sampled_from([1, 5, 512, LARGEST])


@given(st.integers(1, 10**9), st.integers(1, 5000), LARGEST_OF_ANY)
def test_the_bands_cover_all_photos_in_splits_that_shrink(photos: int, cores: int, largest: int) -> None:
    found = Splits.of(photos, cores, largest)
    assert (found.bands[0].start, found.bands[-1].stop) == (0, photos)
    assert all(before.stop == after.start for before, after in pairwise(found.bands))
    sizes = [(band.stop - band.start) / band.splits for band in found.bands]
    # The last split of a band may have few photos.
    assert all(after <= before * 1.01 or after <= SMALLEST for before, after in pairwise(sizes))
    assert len(found) == sum(band.splits for band in found.bands) >= min(cores, photos)
    if photos > 4 * cores * BANDS[-1][1] * SMALLEST and largest == LARGEST:
        assert sizes[-1] < sizes[0] / 12
    if photos >= cores * SMALLEST and largest == LARGEST:
        assert sizes[-1] > SMALLEST * 0.49


@given(st.integers(1, 5000), st.integers(1, 40), LARGEST_OF_ANY)
def test_every_row_is_in_one_split(photos: int, cores: int, largest: int) -> None:
    splits = Splits.of(photos, cores, largest)
    all_rows: list[int] = []
    for number in range(len(splits)):
        rows = splits.rows(number)
        numbers = range(rows.start + rows.offset, rows.stop, rows.stride)
        assert len(numbers) == rows.row_count
        assert 1 <= rows.row_count <= largest
        all_rows += numbers
    assert sorted(all_rows) == list(range(photos))
    with pytest.raises(IndexError):
        splits.rows(len(splits))


def test_neighbours_in_the_inventory_are_in_different_splits() -> None:
    """Photos of one folder are neighbours and take about the same time."""
    splits = Splits.of(1_000_000, 8)
    first = splits.rows(0)
    assert 0.98 * LARGEST < first.row_count <= LARGEST
    assert first.stride == INTERLEAVED
    assert first.stop - first.start > (INTERLEAVED - 1) * first.row_count
    assert [splits.rows(number).offset for number in range(INTERLEAVED + 1)] == [*range(INTERLEAVED), 0]
