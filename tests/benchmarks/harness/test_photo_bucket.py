"""The inventories of a benchmark: the photos of a smaller one are a subset of those of a larger one."""

from __future__ import annotations

import itertools

import pytest

from benchmarks.harness.photo_bucket import subset


@pytest.mark.parametrize("photos", [1, 2, 7, 64, 700, 23_619])
def test_a_smaller_subset_lies_in_every_larger_one(photos: int) -> None:
    counts = sorted({min(count, photos) for count in (1, 2, 5, 16, 100, 6000, 8000, photos)})
    subsets = [subset(photos, count) for count in counts]
    for count, rows in zip(counts, subsets, strict=True):
        assert len(set(rows)) == len(rows) == count
        assert rows == sorted(rows)
        assert set(rows) <= set(range(photos))
    for smaller, larger in itertools.pairwise(subsets):
        assert set(smaller) <= set(larger)
    assert subsets[-1] == list(range(photos))


def test_a_subset_is_spread_evenly() -> None:
    rows = subset(23_619, 6000)
    steps = [after - before for before, after in itertools.pairwise(rows)]
    assert max(steps) <= 4
    assert rows[0] < 4
    assert rows[-1] > 23_619 - 5


def test_a_count_above_the_number_of_photos_takes_all() -> None:
    assert subset(10, 100) == list(range(10))
