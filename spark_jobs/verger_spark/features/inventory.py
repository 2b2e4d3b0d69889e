"""Reads the inventory: one Parquet file of path, etag and size, which does not change during a run.

Each worker reads its own rows from the file. The rows do not pass through Spark's shuffle, because the shuffle stream
of a lost node can end early. Arrow cannot distinguish a broken stream from a complete one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from verger_contract.errors import VergerError, one_line
from verger_contract.schemas import INVENTORY
from verger_spark.features.splits import SplitRows, Weights
from verger_spark.io import storage

BATCH_ROWS = 8192


@dataclass(frozen=True, slots=True)
class ListedPhoto:
    """A row of the inventory; `size` in bytes."""

    path: str
    etag: str
    size: int


@dataclass(frozen=True)
class Inventory:
    """The Parquet file at `uri`. `len()` is its number of rows."""

    uri: str

    def __len__(self) -> int:
        return int(_metadata(self.uri).num_rows)

    def read(self, rows: SplitRows) -> list[ListedPhoto]:
        """Return the photos of some rows, in the order of the file.

        Raises
        ------
        VergerError
            The file does not exist, lacks a column, or has fewer rows.
        """
        batches = self._batches(rows, INVENTORY.names)
        found = [photo for batch, start in batches for photo in _selected(batch, start, rows)]
        if len(found) != rows.row_count:
            raise VergerError(
                f"{self.uri}: expected {rows.row_count:,} rows up to row {rows.stop:,}, found {len(found):,}"
            )
        return found

    def weights(self) -> Weights:
        """Return the weights of all photos, by the sizes of their files.

        Raises
        ------
        VergerError
            The file does not exist or lacks a column.
        """
        batches = self._batches(SplitRows(0, len(self)), ("size",))
        return Weights.of((batch.column("size").to_numpy() for batch, _ in batches), len(self))

    def _batches(self, rows: SplitRows, columns: Sequence[str]) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Yield the batches that contain the rows, each with the number of its first row."""
        metadata = _metadata(self.uri)
        counts = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
        spans = enumerate(pairwise(accumulate(counts, initial=0)))
        groups = [(number, start) for number, (start, stop) in spans if start < rows.stop and stop > rows.start]
        try:
            with storage.reading(self.uri) as source:
                parquet = pq.ParquetFile(source, metadata=metadata, pre_buffer=True)
                for number, at in groups:
                    start = at
                    for batch in parquet.iter_batches(BATCH_ROWS, [number], list(columns), use_threads=False):
                        yield batch, start
                        start += len(batch)
        except (pa.ArrowException, OSError, KeyError) as error:
            raise _unexpected(self.uri, one_line(error)) from None


def _selected(batch: pa.RecordBatch, start: int, rows: SplitRows) -> Iterator[ListedPhoto]:
    """Yield those of the rows that are in the batch. `start` is the number of its first row."""
    first = rows.start + rows.offset
    skipped = -(-max(start - first, 0) // rows.stride)
    numbers = np.arange(first + skipped * rows.stride, min(rows.stop, start + len(batch)), rows.stride) - start
    selected = batch.take(pa.array(numbers))
    yield from map(ListedPhoto, *(selected.column(name).to_pylist() for name in INVENTORY.names))


@lru_cache(maxsize=1)
def _metadata(uri: str) -> pq.FileMetaData:
    """Return the footer of the file. A process reads it once."""
    try:
        with storage.reading(uri) as source:
            metadata = pq.ParquetFile(source).metadata
    except (pa.ArrowException, OSError) as error:
        raise _unexpected(uri, one_line(error)) from None
    missing = {*INVENTORY.names} - {*metadata.schema.to_arrow_schema().names}
    if missing:
        raise _unexpected(uri, f"no column {', '.join(sorted(missing))}")
    return metadata


def _unexpected(uri: str, found: str) -> VergerError:
    return VergerError(f"{uri}: expected one Parquet file with {', '.join(INVENTORY.names)}, found {found}")
