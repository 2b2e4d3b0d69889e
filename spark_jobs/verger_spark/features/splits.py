"""Splits the rows of an inventory for Spark's tasks: large splits first, small ones at the end. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

LARGEST = 4096
"""Maximum number of photos in a split: about 45 s of one core, a file of 21 MB. A lost task repeats at most this."""

SMALLEST = 64
"""Minimum number of photos in a split, half a second of one core. Below it the start of a task costs more time."""

BANDS = ((0.75, 1), (0.20, 4), (0.05, 16))
"""Share of all photos in a band, and the divisor of the size of its splits: those of the first band are the largest."""

INTERLEAVED = 32
"""Number of splits that take turns with the rows of one range of the inventory.

The inventory is sorted by path, and photos of one folder have similar sizes. Without interleaving, some splits would
get only large photos. Each of these splits reads the complete range, which costs about 0.1 µs a row.
"""


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


class Band(NamedTuple):
    """The rows in [start, stop), divided into `splits` splits of equal size."""

    start: int
    stop: int
    splits: int

    def rows(self, number: int) -> SplitRows:
        """Return the rows of a split. Numbers begin at 0."""
        first = number - number % INTERLEAVED
        after = min(first + INTERLEAVED, self.splits)
        return SplitRows(self._start_of(first), self._start_of(after), after - first, number - first)

    def _start_of(self, number: int) -> int:
        """Return the first row of a split if the splits were not interleaved."""
        each, more = divmod(self.stop - self.start, self.splits)
        return self.start + number * each + min(number, more)


@dataclass(frozen=True)
class Splits:
    """All rows of an inventory in splits.

    The rows of a split depend only on its number, so that a task that runs again does the same work.
    """

    bands: tuple[Band, ...]

    @classmethod
    def of(cls, photos: int, cores: int, largest: int = LARGEST) -> Splits:
        """Divide the rows into splits, in the order in which Spark runs them.

        There are at least as many splits as cores if there are enough photos. A slow core, or a slow split, delays the
        end by at most the time of a small split. This is guided self-scheduling (Polychronopoulos and Kuck 1987,
        doi:10.1109/TC.1987.5009495) in steps.

        Parameters
        ----------
        photos : int
            Rows of the inventory, at least 1.
        cores : int
        largest : int
            Maximum number of photos in a split.

        Examples
        --------
        >>> [band.splits for band in Splits.of(1_000_000, 64).bands]
        [193, 205, 205]
        >>> Splits.of(10, 2).bands
        (Band(start=0, stop=10, splits=2),)
        """
        first = min(largest, max(1, photos // (4 * cores)))
        divisors = [divisor for _, divisor in BANDS if first // divisor >= SMALLEST] or [1]
        parts = [round(part * photos) for part in accumulate(part for part, _ in BANDS)]
        stops = [*parts[: len(divisors) - 1], photos]
        found, start = [], 0
        for stop, divisor in zip(stops, divisors, strict=True):
            size = max(first // divisor, min(largest, SMALLEST))
            found.append(Band(start, stop, -(-(stop - start) // size)))
            start = stop
        # At least as many splits as cores: even one photo takes a core longer than the start of its task.
        if len(found) == 1:
            found = [Band(0, photos, max(found[0].splits, min(cores, photos)))]
        return cls(tuple(found))

    def __len__(self) -> int:
        return self._ends[-1]

    def rows(self, number: int) -> SplitRows:
        """Return the rows of a split. Numbers begin at 0.

        Raises
        ------
        IndexError
            There is no such split.
        """
        for band, end in zip(self.bands, self._ends, strict=True):
            if number < end:
                return band.rows(number - (end - band.splits))
        raise IndexError(number)

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(band.splits for band in self.bands))
