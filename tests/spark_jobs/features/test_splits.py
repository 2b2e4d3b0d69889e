"""How photos are shared out: everything once, large shares first, small ones at the end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verger_spark.features.splits import BANDS, INTERLEAVED, LARGEST, SMALLEST, Shares

LARGEST_OF_ANY = st.sampled_from([1, 5, 512, LARGEST])


@given(st.integers(1, 10**9), st.integers(1, 5000), LARGEST_OF_ANY)
def test_the_bands_cover_all_photos_in_shares_that_shrink(photos: int, cores: int, largest: int) -> None:
    found = Shares.of(photos, cores, largest)
    assert (found.bands[0].start, found.bands[-1].stop) == (0, photos)
    assert all(before.stop == after.start for before, after in pairwise(found.bands))
    sizes = [(band.stop - band.start) / band.shares for band in found.bands]
    # A band of few photos may have a last share that is hardly filled.
    assert all(after <= before * 1.01 or after <= SMALLEST for before, after in pairwise(sizes))
    assert len(found) == sum(band.shares for band in found.bands) >= min(cores, photos)
    if photos > 4 * cores * BANDS[-1][1] * SMALLEST and largest == LARGEST:
        assert sizes[-1] < sizes[0] / 12
    if photos >= cores * SMALLEST and largest == LARGEST:
        assert sizes[-1] > SMALLEST * 0.49


@given(st.integers(1, 5000), st.integers(1, 40), LARGEST_OF_ANY)
def test_every_row_is_in_one_share(photos: int, cores: int, largest: int) -> None:
    shares = Shares.of(photos, cores, largest)
    all_rows = []
    for number in range(len(shares)):
        rows = shares.rows(number)
        numbers = range(rows.start + rows.offset, rows.stop, rows.stride)
        assert len(numbers) == rows.many
        assert 1 <= rows.many <= largest
        all_rows += numbers
    assert sorted(all_rows) == list(range(photos))
    with pytest.raises(IndexError):
        shares.rows(len(shares))


def test_neighbours_in_the_inventory_are_in_different_shares() -> None:
    """Photos of one folder, which lie side by side, take much the same time."""
    shares = Shares.of(1_000_000, 8)
    first = shares.rows(0)
    assert 0.98 * LARGEST < first.many <= LARGEST
    assert first.stride == INTERLEAVED
    assert first.stop - first.start > (INTERLEAVED - 1) * first.many
    assert [shares.rows(number).offset for number in range(INTERLEAVED + 1)] == [*range(INTERLEAVED), 0]
