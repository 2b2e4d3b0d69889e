"""How the photos are shared out among Spark's tasks: large shares first, small ones at the end. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

LARGEST = 4096
"""Photos in a share, at the most: some 45 s of one core, a file of 21 MB, and what is lost with a node that is lost."""

SMALLEST = 64
"""Photos in a share, at the least: with less than half a second of work the start of a task would show."""

BANDS = ((0.75, 1), (0.20, 4), (0.05, 16))
"""Share of all photos, and by how much the shares in this band are smaller than the largest."""

INTERLEAVED = 32
"""Shares that take turns with the rows of a stretch of the inventory. It is sorted by path, and photos of one folder
are much alike: so no share gets only the large ones. Each reads the whole stretch, some 0.1 µs a row."""


class Rows(NamedTuple):
    """The rows numbered start + offset, start + offset + stride, ... below stop."""

    start: int
    stop: int
    stride: int = 1
    offset: int = 0

    @property
    def many(self) -> int:
        return len(range(self.start + self.offset, self.stop, self.stride))


class Band(NamedTuple):
    """The rows in [start, stop), in so many shares."""

    start: int
    stop: int
    shares: int

    def rows(self, number: int) -> Rows:
        """Those of the share of that number, from 0."""
        first = number - number % INTERLEAVED
        after = min(first + INTERLEAVED, self.shares)
        return Rows(self._at(first), self._at(after), after - first, number - first)

    def _at(self, number: int) -> int:
        """Where a share would begin if each were a stretch of its own."""
        each, more = divmod(self.stop - self.start, self.shares)
        return self.start + number * each + min(number, more)


@dataclass(frozen=True)
class Shares:
    """All rows of an inventory, in shares. Which rows are in a share depends on its number alone: a task that is done
    again does the same.
    """

    bands: tuple[Band, ...]

    @classmethod
    def of(cls, photos: int, cores: int, largest: int = LARGEST) -> Shares:
        """How many shares of which sizes there are to be, in the order in which they are taken. At least one photo.

        No share has more than `largest` photos, and there are as many as cores where there are photos enough.

        A core that is slow, or a share that is, can then hold up the others at the end by no more than a small share
        takes; the same thought as guided self-scheduling (Polychronopoulos and Kuck 1987,
        doi:10.1109/TC.1987.5009495), in steps.

        >>> [band.shares for band in Shares.of(1_000_000, 64).bands]
        [193, 205, 205]
        >>> Shares.of(10, 2).bands
        (Band(start=0, stop=10, shares=2),)
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
        # As many shares as cores, at the least: one photo keeps a core busy longer than it takes to bring it there.
        if len(found) == 1:
            found = [Band(0, photos, max(found[0].shares, min(cores, photos)))]
        return cls(tuple(found))

    def __len__(self) -> int:
        return self._ends[-1]

    def rows(self, number: int) -> Rows:
        """Those of the share of that number, from 0. Raises IndexError when there is no such share."""
        for band, end in zip(self.bands, self._ends, strict=True):
            if number < end:
                return band.rows(number - (end - band.shares))
        raise IndexError(number)

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(band.shares for band in self.bands))
