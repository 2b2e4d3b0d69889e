"""The files of feature runs, read by the workers themselves: features that never enter the JVM cost it nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from verger_spark.errors import VergerError, one_line
from verger_spark.features.prefetch import ahead
from verger_spark.io import storage

RUN = "run="
COLUMNS = ("path", "label", "features")
BATCH_ROWS = 256
"""Rows that are handed on at once, at the most: 1.3 MB of features."""
FETCHED_ROWS = 2 * BATCH_ROWS
"""Rows that are fetched by one GET, unless a row group has more: while it is answered as many are worked on."""
GROUP_BYTES = 32_000_000
"""Of files that one task reads, at most, unless a single one is larger: a second or two of a core."""
COUNTED_AT_ONCE = 16
TASKS_PER_CORE = 4
"""At least, where there are files enough: tasks end at different times."""


@dataclass(frozen=True)
class FeatureFile:
    """A Parquet file of the feature run `run`; `size` in bytes."""

    uri: str
    run: str
    size: int


@dataclass(frozen=True)
class FeatureFiles:
    """All files of some feature runs, and the Parquet of (path, run) that lists their dead rows, if any are."""

    files: tuple[FeatureFile, ...]
    deletes: str | None = None

    @classmethod
    def of(cls, folders: Sequence[str], deletes: str | None = None) -> FeatureFiles:
        """The files in the folders, each named `run=<id>` where there are dead rows."""
        found = (
            FeatureFile(uri, run_of(folder), size)
            for folder in folders
            for uri, size in storage.files(folder)
            if size and not storage.name_of(uri).startswith(("_", "."))  # as Spark reads a folder
        )
        return cls(tuple(found), deletes)

    def count(self) -> int:
        """The rows of all files, live or dead, from the files' own ends. Errors: `LiveRows.batches`."""
        with ThreadPoolExecutor(COUNTED_AT_ONCE) as pool:
            return sum(pool.map(_rows, self.files))

    def groups(self, cores: int) -> list[tuple[FeatureFile, ...]]:
        """All files in groups for one task each, the largest first: what is short is left for the end."""
        total = sum(file.size for file in self.files)
        most = min(GROUP_BYTES, total // (TASKS_PER_CORE * max(cores, 1)))
        groups: list[list[FeatureFile]] = []
        filled = most + 1
        for file in self.files:
            if filled + file.size > most:
                groups.append([])
                filled = 0
            groups[-1].append(file)
            filled += file.size
        return sorted((tuple(group) for group in groups), key=lambda group: -sum(file.size for file in group))


def _rows(file: FeatureFile) -> int:
    with storage.reading(file.uri) as source:
        try:
            return int(pq.ParquetFile(source).metadata.num_rows)
        except (pa.ArrowException, OSError) as error:
            raise _other(file, error) from None


def _other(file: FeatureFile, error: Exception) -> VergerError:
    return VergerError(
        f"{file.uri}: expected Parquet with {', '.join(COLUMNS)}, found {one_line(error)}; start a new run"
    )


@dataclass(frozen=True)
class LiveRows:
    """Reads the live rows of files. `dead` is the address of the list of dead ones."""

    deletes: str | None

    def batches(self, files: Sequence[FeatureFile]) -> Iterator[pa.RecordBatch]:
        """(path, label, features) of the live rows, at most ``BATCH_ROWS`` at once; ``FETCHED_ROWS`` are read ahead.

        Raises
        ------
        VergerError
            A file is gone, or holds something else.
        """
        yield from (rows for rows in ahead(self._read(files), FETCHED_ROWS // BATCH_ROWS) if len(rows))

    def _read(self, files: Sequence[FeatureFile]) -> Iterator[pa.RecordBatch]:
        """File after file; of a file no more lies in memory than is fetched at once."""
        for file in files:
            with storage.reading(file.uri) as source:
                try:
                    yield from self._of_file(file, pq.ParquetFile(source, pre_buffer=True))
                except (pa.ArrowException, OSError, KeyError) as error:
                    raise _other(file, error) from None

    def _of_file(self, file: FeatureFile, parquet: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
        missing = {*COLUMNS} - {*parquet.schema_arrow.names}
        if missing:
            raise KeyError(f"no column {', '.join(sorted(missing))}")
        gone = _deletes(self.deletes).get(file.run) if self.deletes else None
        # With the etags, which nobody asked for, what is fetched is one range of the file: one GET.
        columns = [name for name in parquet.schema_arrow.names if name in (*COLUMNS, "etag")]
        for groups in _together(parquet.metadata):
            for batch in parquet.iter_batches(BATCH_ROWS, groups, columns, use_threads=False):
                rows = batch.select([*COLUMNS])
                yield rows if gone is None else rows.filter(_live(rows.column("path"), gone))


def _together(metadata: pq.FileMetaData) -> Iterator[list[int]]:
    """The numbers of the row groups that are fetched at once."""
    groups: list[int] = []
    rows = 0
    for number in range(metadata.num_row_groups):
        more = metadata.row_group(number).num_rows
        if groups and rows + more > FETCHED_ROWS:
            yield groups
            groups, rows = [], 0
        groups.append(number)
        rows += more
    if groups:
        yield groups


def _live(paths: pa.StringArray, gone: pa.StringArray) -> pa.BooleanArray:
    """Which of a few paths are not among those that are gone, which may be many: the few are hashed, not the many."""
    here = gone.filter(pc.is_in(gone, value_set=paths))
    return pc.invert(pc.is_in(paths, value_set=here))


def run_of(uri: str) -> str:
    """The id of a run.

    >>> run_of("s3://bucket/features/run=A/")
    'A'
    """
    return storage.name_of(uri).removeprefix(RUN)


@lru_cache(maxsize=1)
def _deletes(uri: str) -> dict[str, pa.Array]:
    """The dead paths of each run, once for all tasks of a worker. (A run's plan is made once.)"""
    try:
        table = pq.read_table(pa.BufferReader(storage.read(uri)), columns=["path", "run"])
    except (pa.ArrowException, OSError) as error:
        raise VergerError(
            f"{uri}: expected Parquet with path and run, found {one_line(error)}; start a new run"
        ) from None
    return {
        run: table.filter(pc.equal(table["run"], run))["path"].combine_chunks()
        for run in pc.unique(table["run"]).to_pylist()
    }


def matrix(batch: pa.RecordBatch, width: int | None = None) -> NDArray[np.float32]:
    """The column `features` of a batch as an array (rows, width), float32, without a copy.

    Raises
    ------
    VergerError
        A row has another width than asked for, or than the widest where nothing is, or a number is missing.
    """
    column = batch.column("features")
    if column.type.id != pa.lib.Type_LIST or column.type.value_type != pa.float32():
        raise VergerError(f"features: expected lists of 32-bit floats, found {column.type}")
    lengths = np.diff(column.offsets.to_numpy())
    width = int(lengths.max(initial=0)) if width is None else width
    if column.null_count or (lengths != width).any():
        row = int(np.argmax((lengths != width) | np.array(column.is_null())))
        raise VergerError(f"{batch.column('path')[row].as_py()}: expected {width} features, found {lengths[row]}")
    if column.flatten().null_count:
        row = next(row for row, vector in enumerate(column) if vector.values.null_count)
        raise VergerError(f"{batch.column('path')[row].as_py()}: expected {width} features, found a number missing")
    flat: NDArray[np.float32] = column.flatten().to_numpy()
    return flat.reshape(len(column), -1)
