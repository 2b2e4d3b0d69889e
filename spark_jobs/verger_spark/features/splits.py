"""Splits the rows of an inventory for Spark's tasks: large splits first, small ones at the end. No I/O."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from verger_photo.limits.sizes import MAX_BYTES

BYTES = 400_000
"""Bytes of a file that count as much as one more photo: a JPEG of 12 megapixels and 4 MB is decoded exactly in the time
in which the network computes ten photos (benchmarks/README.md, photos from cameras). Scaled decoding takes a third."""

LARGEST = 4096
"""Maximum weight of a split: 4,096 small photos are about 45 s of one core and a file of 21 MB. A lost task repeats at
most this."""

SMALLEST = 64
"""Minimum weight of a split, half a second of one core. Below it the start of a task costs more time. The driver
processes an inventory that weighs no more."""

BANDS = ((0.75, 1), (0.20, 4), (0.05, 16))
"""Share of the weight of all photos in a band, and the divisor of the weight of its splits: those of the first band are
the largest."""

INTERLEAVED = 31
"""Number of splits that take turns with the rows of one range of the inventory.

The inventory is sorted by path, and photos of one folder have similar sizes. Without interleaving, some splits would
get only large photos. The number of splits of a group is never even: where large and small files alternate, as with
photos and their thumbnails, each split gets both. Each of these splits reads the complete range, which costs about
0.1 µs a row.
"""

SUMS = 2**20
"""Maximum number of sums of weights in memory. In a larger inventory a sum covers several rows."""


class SplitRows(NamedTuple):
    """The rows of a split: start + offset, start + offset + stride, and so on, below stop."""

    start: int
    stop: int
    stride: int = 1
    offset: int = 0

    @property
    def row_count(self) -> int:
        """Number of rows."""
        return len(range(self.start + self.offset, self.stop, self.stride))


class Group(NamedTuple):
    """The rows in [start, stop), which `splits` splits take in turn."""

    start: int
    stop: int
    splits: int


@dataclass(frozen=True, eq=False)
class Weights:
    """The weights of the rows of an inventory: 1 for a photo, and 1 for each BYTES of its file.

    Attributes
    ----------
    photos : int
        Number of rows.
    step : int
        Rows between two sums.
    sums : ndarray of int64
        Element i is the weight of all rows before row i * step, the last one that of all rows.
    """

    photos: int
    step: int
    sums: NDArray[np.int64]

    @classmethod
    def of(cls, sizes: Iterable[NDArray[np.int64]], photos: int) -> Weights:
        """Sum up the weights.

        Parameters
        ----------
        sizes : iterable of ndarray
            Bytes of all files, in the order of the rows, in arrays of any length.
        photos : int
            Number of all rows.
        """
        step = max(1, -(-photos // SUMS))
        kept, total, row = [np.zeros(1, dtype=np.int64)], 0, 0
        for some in sizes:
            # A file above the limit is rejected without a download.
            sums = total + np.cumsum(1 + np.where(some > MAX_BYTES, 0, some) // BYTES)
            kept.append(sums[(-row - 1) % step :: step])
            total, row = int(sums[-1]), row + len(sums)
        if row % step:
            kept.append(np.array([total]))
        return cls(photos, step, np.concatenate(kept))

    @classmethod
    def equal(cls, photos: int) -> Weights:
        """Return the weights of small photos: 1 for each."""
        return cls(photos, photos, np.array([0, photos], dtype=np.int64))

    @property
    def total(self) -> int:
        """Weight of all rows."""
        return int(self.sums[-1])

    def row_of(self, weight: int) -> int:
        """Return the first row whose preceding rows have at least the weight."""
        after = int(np.searchsorted(self.sums, weight))
        if not after:
            return 0
        start, low = (after - 1) * self.step, int(self.sums[after - 1])
        rows = min(self.step, self.photos - start)
        return start - -(weight - low) * rows // (int(self.sums[after]) - low)


@dataclass(frozen=True)
class Splits:
    """All rows of an inventory in splits.

    The rows of a split depend only on its number, so that a task that runs again does the same work.
    """

    groups: tuple[Group, ...]

    @classmethod
    def of(cls, weights: Weights, cores: int, largest: int = LARGEST) -> Splits:
        """Divide the rows into splits, in the order in which Spark runs them.

        There are at least as many splits as cores if there are enough photos. A slow core, or a slow split, delays the
        end by at most the time of a small split. This is guided self-scheduling (Polychronopoulos and Kuck 1987,
        doi:10.1109/TC.1987.5009495) in steps.

        Parameters
        ----------
        weights : Weights
            Of at least one row.
        cores : int
        largest : int
            Maximum weight of a split with more than one photo, and so its maximum number of photos.

        Examples
        --------
        >>> len(Splits.of(Weights.equal(1_000_000), 64))
        603
        >>> Splits.of(Weights.equal(10), 2).groups
        (Group(start=0, stop=5, splits=1), Group(start=5, stop=10, splits=1))
        """
        first = min(largest, max(1, weights.total // (4 * cores)))
        divisors = [divisor for _, divisor in BANDS if first // divisor >= SMALLEST] or [1]
        parts = [round(part * weights.total) for part in accumulate(part for part, _ in BANDS)]
        stops = [*parts[: len(divisors) - 1], weights.total]
        # At least as many splits as cores: even one photo takes a core longer than the start of its task.
        least = min(cores, weights.photos) if len(divisors) == 1 else 1
        groups: list[Group] = []
        start = 0
        for stop, divisor in zip(stops, divisors, strict=True):
            size = max(first // divisor, min(largest, SMALLEST))
            groups += _groups(weights, start, stop, max(least, -(-(stop - start) // size)))
            start = stop
        found = cls(tuple(groups))
        if len(found) < least:  # a few large photos among small ones: they count as small ones
            return cls.of(Weights.equal(weights.photos), cores, largest)
        return found

    def __len__(self) -> int:
        return self._ends[-1]

    def rows(self, number: int) -> SplitRows:
        """Return the rows of a split. Numbers begin at 0.

        Raises
        ------
        IndexError
            There is no such split.
        """
        if not 0 <= number < len(self):
            raise IndexError(number)
        position = bisect_right(self._ends, number)
        group = self.groups[position]
        return SplitRows(group.start, group.stop, group.splits, number - (self._ends[position] - group.splits))

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(group.splits for group in self.groups))


def _groups(weights: Weights, start: int, stop: int, splits: int) -> Iterator[Group]:
    """Divide the rows between two weights into splits of equal weight, 1, 3, 5 or more up to INTERLEAVED a group."""
    first = 0
    while first < splits:
        after = min(first + INTERLEAVED, splits)
        after -= (after - first + 1) % 2
        begin, end = (weights.row_of(start + number * (stop - start) // splits) for number in (first, after))
        if begin < end:
            yield Group(begin, end, min(after - first, end - begin))
        first = after
