"""The inventory: one Parquet file of path, etag and size, which stays as it is for the whole run.

Each worker reads its own rows of it. What came through Spark's shuffle could end early when a node is lost, which Arrow
takes for the end of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from verger_contract.schemas import INVENTORY
from verger_spark.errors import VergerError, one_line
from verger_spark.features.prefetch import Listed
from verger_spark.features.splits import Rows
from verger_spark.io import storage

BATCH_ROWS = 8192


@dataclass(frozen=True)
class Inventory:
    """The Parquet file at `uri`."""

    uri: str

    def __len__(self) -> int:
        """How many rows it has, by its own end. Errors: `read`."""
        return int(_ends(self.uri).num_rows)

    def read(self, rows: Rows) -> list[Listed]:
        """Those rows, in the order of the file. Beside them a batch lies in memory, and what is packed of a row group.

        Raises
        ------
        VergerError
            There is no such file, or it is none of these three columns, or it has fewer rows.
        """
        found = [listed for batch, start in self._batches(rows) for listed in _picked(batch, start, rows)]
        if len(found) != rows.many:
            raise VergerError(f"{self.uri}: expected {rows.many:,} rows up to row {rows.stop:,}, found {len(found):,}")
        return found

    def _batches(self, rows: Rows) -> Iterator[tuple[pa.RecordBatch, int]]:
        """The batches in which the rows are, and the number of the first row of each."""
        metadata = _ends(self.uri)
        counts = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
        spans = enumerate(pairwise(accumulate(counts, initial=0)))
        groups = [(number, start) for number, (start, stop) in spans if start < rows.stop and stop > rows.start]
        try:
            with storage.reading(self.uri) as source:
                parquet = pq.ParquetFile(source, metadata=metadata, pre_buffer=True)
                for number, at in groups:
                    start = at
                    for batch in parquet.iter_batches(BATCH_ROWS, [number], list(INVENTORY.names), use_threads=False):
                        yield batch, start
                        start += len(batch)
        except (pa.ArrowException, OSError, KeyError) as error:
            raise _other(self.uri, error) from None


def _picked(batch: pa.RecordBatch, start: int, rows: Rows) -> Iterator[Listed]:
    """Those of the rows that are in the batch, whose first one has the number `start`."""
    first = rows.start + rows.offset
    skipped = -(-max(start - first, 0) // rows.stride)
    numbers = np.arange(first + skipped * rows.stride, min(rows.stop, start + len(batch)), rows.stride) - start
    picked = batch.take(pa.array(numbers))
    yield from map(Listed, *(picked.column(name).to_pylist() for name in INVENTORY.names))


@lru_cache(maxsize=1)
def _ends(uri: str) -> pq.FileMetaData:
    """What the file says of its row groups, read once in a process."""
    try:
        with storage.reading(uri) as source:
            metadata = pq.ParquetFile(source).metadata
    except (pa.ArrowException, OSError) as error:
        raise _other(uri, error) from None
    missing = {*INVENTORY.names} - {*metadata.schema.to_arrow_schema().names}
    if missing:
        raise _other(uri, f"no column {', '.join(sorted(missing))}")
    return metadata


def _other(uri: str, found: object) -> VergerError:
    said = one_line(found) if isinstance(found, Exception) else found
    return VergerError(f"{uri}: expected one Parquet file with {', '.join(INVENTORY.names)}, found {said}")
