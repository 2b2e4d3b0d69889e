"""Rows in the order of their first column, however many: sorted on disk, merged and compared as they stream by.

The order is that of code points, which for UTF-8 is the order of bytes: the one in which S3 lists keys.

Why not DuckDB: it sorts unordered keys twice as fast, but its plan for the comparison is a hash join and a sort. Its
memory limit must then grow with the number of keys, and a run that exceeds the limit fails. A merge of sorted streams
only takes longer.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from verger.tables.parquet import ROWS_PER_CHUNK, TableError, chunks, read_rows, write_rows
from verger_contract.schemas import Table

Row = tuple[Any, ...]
KEY = itemgetter(0)
FAN_IN = 32
"""Files open at once."""


@dataclass(frozen=True)
class Segment:
    """A sorted Parquet file on disk, and its first and last key."""

    path: Path
    first: str
    last: str


def spool(rows: Iterable[Row], table: Table, folder: Path) -> list[Segment]:
    """Write rows that come in any order to sorted segments of so many rows at most in `folder`, which must be empty."""
    segments: list[Segment] = []
    for number, chunk in enumerate(chunks(rows, ROWS_PER_CHUNK)):
        ordered = sorted(chunk, key=KEY)
        path = folder / f"{number}.parquet"
        write_rows(path, table, ordered)
        segments.append(Segment(path, ordered[0][0], ordered[-1][0]))
    return segments


def merged(segments: Iterable[Segment], table: Table) -> Iterator[Row]:
    """The rows of all segments in order. Segments that do not overlap are read one after another; of those that do, a
    few at a time are merged into longer ones on disk, beside the first, until few are left.
    """
    chains = _chains(segments)
    while len(chains) > FAN_IN:
        longer = []
        for group in chunks(chains, FAN_IN):
            path = group[0][0].path.with_name(f"{group[0][0].path.stem}-merged.parquet")
            write_rows(path, table, _merge(group, table))
            longer.append(Segment(path, group[0][0].first, max(chain[-1].last for chain in group)))
        chains = _chains(longer)
    return _merge(chains, table)


def _chains(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Segments that do not overlap, one after another, in as few chains as there are."""
    chains: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda segment: (segment.first, segment.last)):
        chain = next((chain for chain in chains if chain[-1].last < segment.first), None)
        if chain:
            chain.append(segment)
        else:
            chains.append([segment])
    return chains


def _merge(chains: Iterable[list[Segment]], table: Table) -> Iterator[Row]:
    return heapq.merge(*(_read(chain, table) for chain in chains), key=KEY)


def _read(chain: list[Segment], table: Table) -> Iterator[Row]:
    for segment in chain:
        yield from read_rows(segment.path, table.names)


def increasing(rows: Iterable[Row], name: str) -> Iterator[Row]:
    """The rows as they come. Raises TableError, which says `name`, when one is not after the one before it."""
    last = None
    for row in rows:
        if last is not None and row[0] <= last:
            raise TableError(f"{name}: expected every key once and in order, found {row[0]!r} after {last!r}")
        last = row[0]
        yield row


def outer_join(left: Iterable[Row], right: Iterable[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """The full outer join of two increasing streams on their first column, in its order."""
    lefts, rights = iter(left), iter(right)
    one, two = next(lefts, None), next(rights, None)
    while one is not None or two is not None:
        if two is None or (one is not None and one[0] < two[0]):
            yield one, None
            one = next(lefts, None)
        elif one is None or two[0] < one[0]:
            yield None, two
            two = next(rights, None)
        else:
            yield one, two
            one, two = next(lefts, None), next(rights, None)
