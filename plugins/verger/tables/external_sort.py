"""Sorts any number of rows by their first column on disk, and merges and joins sorted streams.

Strings are sorted by code points. For UTF-8 this is the order of bytes, in which S3 lists keys.

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
"""Files that are open at the same time."""


@dataclass(frozen=True)
class Segment:
    """A sorted Parquet file on disk, with its first and last key."""

    path: Path
    first: str
    last: str


def spool(rows: Iterable[Row], table: Table, folder: Path) -> list[Segment]:
    """Write unsorted rows to sorted segments of at most `ROWS_PER_CHUNK` rows.

    Parameters
    ----------
    rows
        Rows with the columns of `table`, in any order.
    folder
        An empty folder.
    """
    segments: list[Segment] = []
    for number, chunk in enumerate(chunks(rows, ROWS_PER_CHUNK)):
        ordered = sorted(chunk, key=KEY)
        path = folder / f"{number}.parquet"
        write_rows(path, table, ordered)
        segments.append(Segment(path, ordered[0][0], ordered[-1][0]))
    return segments


def merged(segments: Iterable[Segment], table: Table) -> Iterator[Row]:
    """Return the rows of all segments in order.

    Segments that do not overlap are read one after another. Of those that overlap, `FAN_IN` at a time are merged to
    longer segments in the folder of the first, until `FAN_IN` are left.
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
    """Group segments into as few chains as possible. The segments of a chain do not overlap and are in order."""
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
    """Yield the rows, and check that their keys are unique and in order.

    Parameters
    ----------
    name
        The table in the error message.

    Raises
    ------
    TableError
        The key of a row is not greater than the key before it.
    """
    last = None
    for row in rows:
        if last is not None and row[0] <= last:
            raise TableError(f"{name}: expected unique keys in order, found {row[0]!r} after {last!r}")
        last = row[0]
        yield row


def outer_join(left: Iterable[Row], right: Iterable[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield the full outer join of two streams on their first column, in its order.

    Parameters
    ----------
    left, right
        Rows with unique keys in increasing order.
    """
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
