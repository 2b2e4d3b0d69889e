"""How the photos are shared out among Spark's tasks: large shares first, small ones at the end."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

LARGEST = 4096
"""Photos in a share, at the most: some 45 s of one core, a file of 21 MB, and what is lost with a node that is lost."""

SMALLEST = 64
"""Photos in a share, at the least: with less than half a second of work the start of a task would show."""

BANDS = ((0.75, 1), (0.20, 4), (0.05, 16))
"""Share of all photos, and by how much the shares in this band are smaller than the largest."""

PLACES = 1_000_000


class Band(NamedTuple):
    """The photos whose places, in [0, ``PLACES``), lie in [start, stop), in so many shares."""

    start: int
    stop: int
    shares: int


def bands(photos: int, cores: int, largest: int = LARGEST) -> list[Band]:
    """How many shares of which sizes there are to be, in the order in which they are taken. At least one photo.

    No share is to have more than `largest` photos.

    A core that is slow, or a share that is, can then hold up the others at the end by no more than a small share takes;
    the same thought as guided self-scheduling (Polychronopoulos and Kuck 1987, doi:10.1109/TC.1987.5009495), in steps.

    >>> [band.shares for band in bands(1_000_000, 64)]
    [193, 205, 205]
    >>> bands(10, 2)
    [Band(start=0, stop=1000000, shares=2)]
    """
    first = min(largest, max(1, photos // (4 * cores)))
    divisors = [divisor for _, divisor in BANDS if first // divisor >= SMALLEST] or [1]
    found, start = [], 0
    for (part, _), divisor in zip(BANDS, divisors, strict=False):
        stop = start + round(part * PLACES) if divisor != divisors[-1] else PLACES
        size = max(first // divisor, min(largest, SMALLEST))
        found.append(Band(start, stop, max(-(-(stop - start) * photos // (PLACES * size)), 1)))
        start = stop
    # As many shares as cores, at the least: one photo keeps a core busy longer than it takes to bring it there.
    return found if len(found) > 1 else [Band(0, PLACES, max(found[0].shares, min(cores, photos)))]


def share_out(rows: DataFrame, into: list[Band]) -> DataFrame:
    """`rows`, which have a column `path`, in one partition for each share of the bands.

    In which a row is depends on its path alone: a task that is repeated gets the same rows, come what may.
    """
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F

    place = F.pmod(F.xxhash64("path"), F.lit(PLACES))
    parts = [
        # By a hash of its own for each band: of parts that are partitioned alike, Spark 4.1 would make one.
        rows.where((place >= band.start) & (place < band.stop)).repartition(
            band.shares, F.xxhash64("path", F.lit(number))
        )
        for number, band in enumerate(into)
    ]
    return reduce(DataFrame.union, parts)
