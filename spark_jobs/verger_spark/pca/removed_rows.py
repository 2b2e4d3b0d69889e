"""Reads the features of the rows that a run deletes: few rows of large feature runs.

The statistics of a publication contain these rows, so a run subtracts them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from verger_spark.io import storage
from verger_spark.io.feature_files import COLUMNS, FeatureFile, deleted_paths, unexpected

DRIVER_ROWS = 500
"""Maximum number of rows that the driver reads. Each may lie in another row group, of 1.3 MB."""

DRIVER_FILES = 10_000
"""Maximum number of files whose footers the driver reads."""

CONCURRENT_FILES = 32
"""Files that the driver reads at the same time."""


@dataclass(frozen=True)
class RemovedRows:
    """Reads the rows of a table of deleted rows from feature files.

    Attributes
    ----------
    removed : str
        URI of the table (see `verger_contract.schemas.DELETES`).
    """

    removed: str

    def runs(self) -> frozenset[str]:
        """Return the feature runs that have such rows."""
        return frozenset(deleted_paths(self.removed))

    def count(self) -> int:
        """Return the number of rows."""
        return sum(map(len, deleted_paths(self.removed).values()))

    def in_files(self, files: Iterable[FeatureFile]) -> tuple[FeatureFile, ...]:
        """Return the files in which such a row may lie, by their smallest and largest path."""
        removed = {run: sorted(paths.to_pylist()) for run, paths in deleted_paths(self.removed).items()}
        return tuple(file for file in files if _between(removed.get(file.run, ()), file.first, file.last))

    def batches(self, files: Sequence[FeatureFile]) -> Iterator[pa.RecordBatch]:
        """Yield path, label and features of the rows.

        Of each file the row groups are read in which such a path may lie, by the smallest and largest path in the
        footer. Of these, the features are read only where the paths show such a row.

        Raises
        ------
        VergerError
            A file is missing, or is not Parquet with these columns.
        """
        for file in files:
            yield from self._of_file(file)

    def read(self, files: Sequence[FeatureFile]) -> RowsInMemory:
        """Read the rows of all files once, several files at the same time.

        Raises
        ------
        VergerError
            As `batches`.
        """
        with ThreadPoolExecutor(CONCURRENT_FILES) as pool:
            found = pool.map(self._of_file, files)
            return RowsInMemory({file.uri: rows for file, rows in zip(files, found, strict=True)})

    def _of_file(self, file: FeatureFile) -> list[pa.RecordBatch]:
        removed = deleted_paths(self.removed)
        if file.run not in removed:
            return []
        with storage.reading(file.uri, file.size) as source:
            try:
                return [*_rows(pq.ParquetFile(source), sorted(removed[file.run].to_pylist()))]
            except (pa.ArrowException, OSError, KeyError) as error:
                raise unexpected(file, error) from None


@dataclass(frozen=True)
class RowsInMemory:
    """Rows that have been read, so that several passes over them read no file again.

    Attributes
    ----------
    by_file : mapping of str to list of RecordBatch
        URI of a file to path, label and features of its rows.
    """

    by_file: Mapping[str, list[pa.RecordBatch]]

    def batches(self, files: Sequence[FeatureFile]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of files."""
        for file in files:
            yield from self.by_file[file.uri]


def _rows(parquet: pq.ParquetFile, paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
    for group in range(parquet.num_row_groups):
        wanted = pa.array(_between(paths, *_ends(parquet.metadata.row_group(group))), pa.string())
        if len(wanted):
            here = parquet.read_row_group(group, columns=["path"], use_threads=False)["path"]
            if pc.any(pc.is_in(here, value_set=wanted)).as_py():
                table = parquet.read_row_group(group, columns=[*COLUMNS], use_threads=False).select([*COLUMNS])
                yield from table.filter(pc.is_in(table["path"], value_set=wanted)).combine_chunks().to_batches()


def _ends(group: pq.RowGroupMetaData) -> tuple[str | None, str | None]:
    """Return the smallest and the largest path of a row group. None where its writer has written no statistics."""
    columns = (group.column(number) for number in range(group.num_columns))
    path = next((column for column in columns if column.path_in_schema == "path"), None)
    if path is None or path.statistics is None or not path.statistics.has_min_max:
        return None, None
    return path.statistics.min, path.statistics.max


def _between(paths: Sequence[str], first: str | None, last: str | None) -> Sequence[str]:
    """Return those of the sorted paths that lie between two paths; all of them if the two are not known."""
    if first is None or last is None:
        return paths
    return paths[bisect_left(paths, first) : bisect_right(paths, last)]
