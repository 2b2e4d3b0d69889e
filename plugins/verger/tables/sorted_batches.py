"""Joins two sorted streams of record batches, batch by batch: as `external_sort` does row by row, but much faster.

Both streams are sorted by their column `path`, without repeated paths. Arrow compares strings by bytes, Python by code
points: for UTF-8 both are the order of S3.
"""

from __future__ import annotations

import heapq
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from verger.tables.parquet import ROWS_PER_CHUNK, TableError, chunks
from verger_contract.schemas import Table

if TYPE_CHECKING:
    import pyarrow

Row = tuple[Any, ...]


def increasing(batches: Iterable[pyarrow.RecordBatch], name: str) -> Iterator[pyarrow.RecordBatch]:
    """Yield the batches that have rows, and check that their paths are unique and in order.

    Parameters
    ----------
    name
        The table in the error message.

    Raises
    ------
    TableError
        The path of a row is not greater than the path before it.
    """
    import pyarrow.compute

    last = None
    for batch in batches:
        if not batch.num_rows:
            continue
        paths = batch["path"]
        if not pyarrow.compute.all(pyarrow.compute.less(paths[:-1], paths[1:])).as_py() and batch.num_rows > 1:
            place = next(place for place, (one, two) in enumerate(itertools.pairwise(paths.to_pylist())) if two <= one)
            raise _unordered(name, paths[place].as_py(), paths[place + 1].as_py())
        if last is not None and paths[0].as_py() <= last:
            raise _unordered(name, last, paths[0].as_py())
        last = paths[-1].as_py()
        yield batch


def _unordered(name: str, before: str, found: str) -> TableError:
    return TableError(f"{name}: expected unique keys in order, found {found!r} after {before!r}")


def of_rows(rows: Iterable[Row], table: Table) -> Iterator[pyarrow.RecordBatch]:
    """Yield rows as record batches with the columns of a table."""
    import pyarrow

    schema = table.arrow
    for chunk in chunks(rows, ROWS_PER_CHUNK):
        values = zip(zip(*chunk, strict=True), schema, strict=True)
        yield pyarrow.RecordBatch.from_arrays([pyarrow.array(one, field.type) for one, field in values], schema=schema)


def aligned(
    left: Iterable[pyarrow.RecordBatch], right: Iterable[pyarrow.RecordBatch], tables: tuple[Table, Table]
) -> Iterator[tuple[pyarrow.RecordBatch, pyarrow.RecordBatch]]:
    """Yield both streams in pairs of batches: rows with the same path are always in the same pair.

    A batch of a pair may have no rows.

    Parameters
    ----------
    left, right
        Batches that have rows.
    tables
        The columns of both.
    """
    no_left, no_right = map(no_rows, tables)
    lefts, rights = iter(left), iter(right)
    one, two = next(lefts, None), next(rights, None)
    while one is not None and two is not None:
        last = min(_last(one), _last(two))
        (first, one), (second, two) = _cut(one, last), _cut(two, last)
        yield first, second
        one = next(lefts, None) if one is None else one
        two = next(rights, None) if two is None else two
    while one is not None:
        yield one, no_right
        one = next(lefts, None)
    while two is not None:
        yield no_left, two
        two = next(rights, None)


def no_rows(table: Table) -> pyarrow.RecordBatch:
    """Return a batch without rows, with the columns of a table."""
    import pyarrow

    return pyarrow.RecordBatch.from_pylist([], schema=table.arrow)


def _last(batch: pyarrow.RecordBatch) -> str:
    return str(batch["path"][-1].as_py())


def _cut(batch: pyarrow.RecordBatch, last: str) -> tuple[pyarrow.RecordBatch, pyarrow.RecordBatch | None]:
    """Return the rows up to the path `last`, and the others; None instead of no rows."""
    end = bisect_right(range(batch.num_rows), last, key=_path_at(batch))
    return batch.slice(0, end), batch.slice(end) if end < batch.num_rows else None


def _path_at(batch: pyarrow.RecordBatch) -> Callable[[int], str]:
    paths = batch["path"]
    return lambda place: str(paths[place].as_py())


def places_of(paths: Sequence[str], batch: pyarrow.RecordBatch) -> Iterator[tuple[int, bool]]:
    """Yield, for each path, its place among those of the batch, and whether the batch has it."""
    at = _path_at(batch)
    for path in paths:
        place = bisect_left(range(batch.num_rows), path, key=at)
        yield place, place < batch.num_rows and at(place) == path


def newest(parts: Iterable[Iterable[Row]]) -> Iterator[Row]:
    """Yield the rows of sorted parts by path: of rows with the same path, that of the first part."""
    path = itemgetter(0)
    for _, rows in itertools.groupby(heapq.merge(*parts, key=path), key=path):
        yield next(rows)


def overlaid(
    base: Iterable[pyarrow.RecordBatch], delta: Iterable[pyarrow.RecordBatch], table: Table
) -> Iterator[pyarrow.RecordBatch]:
    """Yield the rows of `base` with those of `delta` in their place. A row of `delta` without an ETag deletes a row."""
    for rows, changes in aligned(base, delta, (table, table)):
        merged = _overlaid(rows, changes) if changes.num_rows else rows
        if merged.num_rows:
            yield merged


def _overlaid(rows: pyarrow.RecordBatch, changes: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
    import numpy
    import pyarrow

    order, start = [], 0
    for number, (place, found) in enumerate(places_of(changes["path"].to_pylist(), rows)):
        order.append(numpy.arange(start, place))
        if changes["etag"][number].is_valid:
            order.append(numpy.array([rows.num_rows + number]))
        start = place + found
    order.append(numpy.arange(start, rows.num_rows))
    both = pyarrow.concat_batches([rows, changes])
    return both.take(pyarrow.array(numpy.concatenate(order), pyarrow.int64()))
