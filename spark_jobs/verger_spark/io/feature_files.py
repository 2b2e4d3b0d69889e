"""Reads the files of feature runs in Python workers, so that Spark copies no vector into JVM rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from verger_contract.errors import VergerError, one_line
from verger_contract.schemas import DELETES
from verger_spark.io import storage, table_file
from verger_spark.io.location import name_of
from verger_spark.io.prefetch import prefetch

RUN = "run="
COLUMNS = ("path", "label", "features")

BATCH_ROWS = 256
"""Maximum number of rows in a batch: 1.3 MB of features."""

FETCHED_ROWS = 2 * BATCH_ROWS
"""Rows that one GET fetches, unless a row group has more. The previous rows are processed during the request."""

GROUP_BYTES = 32_000_000
"""Maximum size of the files that one task reads, unless a single file is larger: a second or two of a core."""

CONCURRENT_COUNTS = 16
"""Files whose rows are counted at the same time."""

TASKS_PER_CORE = 4
"""Minimum number of tasks for each core if there are enough files, because tasks end at different times."""


@dataclass(frozen=True)
class FeatureFile:
    """A Parquet file of `size` bytes of the feature run `run`, with its smallest and largest path if they are known."""

    uri: str
    run: str
    size: int
    first: str | None = None
    last: str | None = None


@dataclass(frozen=True)
class FeatureFiles:
    """All files of some feature runs.

    Attributes
    ----------
    files : tuple of FeatureFile
    deletes : str or None
        URI of the table of the deleted rows (see `verger_contract.schemas.DELETES`).
    """

    files: tuple[FeatureFile, ...]
    deletes: str | None = None

    @classmethod
    def of(cls, folders: Sequence[str], deletes: str | None = None, lost: Collection[str] = ()) -> FeatureFiles:
        """Return the listed files of the folders. With `deletes`, each folder must be named `run=<id>`.

        Of a folder without a file list, which an earlier Verger wrote, all files are returned. `lost` has the URIs of
        lost files, which are not returned.

        Raises
        ------
        VergerError
            A listed file is missing or has another size.
        """
        return cls(tuple(file for folder in folders for file in _files(folder, lost)), deletes)

    def count(self) -> int:
        """Return the number of rows of all files, including deleted rows, from the footers of the files.

        Raises
        ------
        VergerError
            A file is missing or is not Parquet.
        """
        with ThreadPoolExecutor(CONCURRENT_COUNTS) as pool:
            return sum(pool.map(_rows, self.files))

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(file.size for file in self.files)

    def of_runs(self, folders: Iterable[str]) -> FeatureFiles:
        """Return the files of some of the folders."""
        runs = frozenset(map(run_of, folders))
        return replace(self, files=tuple(file for file in self.files if file.run in runs))

    def groups(self, cores: int, *, by_run: bool = False) -> list[tuple[FeatureFile, ...]]:
        """Group the files, one group for each task, largest group first.

        The last tasks are then short, so that no core waits long for another core at the end. With `by_run`, the files
        of a group are of one feature run.
        """
        most = min(GROUP_BYTES, self.bytes // (TASKS_PER_CORE * max(cores, 1)))
        groups: list[list[FeatureFile]] = []
        filled = most + 1
        for file in self.files:
            if filled + file.size > most or (by_run and groups[-1][0].run != file.run):
                groups.append([])
                filled = 0
            groups[-1].append(file)
            filled += file.size
        return sorted((tuple(group) for group in groups), key=lambda group: -sum(file.size for file in group))

    def by_run(self) -> list[tuple[FeatureFile, ...]]:
        """Group the files, one group for each feature run."""
        found: dict[str, list[FeatureFile]] = {}
        for file in self.files:
            found.setdefault(file.run, []).append(file)
        return [*map(tuple, found.values())]


def _files(folder: str, lost: Collection[str]) -> Iterator[FeatureFile]:
    at = folder.rstrip("/")
    if f"{at}/" in lost:
        return
    stored = {
        name_of(file.uri): file
        for file in storage.files(folder)
        if file.size and not name_of(file.uri).startswith(("_", "."))  # Spark ignores these names too
    }
    own = table_file.file_list(folder)
    if own is None:
        yield from (FeatureFile(file.uri, run_of(folder), file.size) for file in stored.values())
        return
    for file in sorted(own, key=lambda file: file.name):
        if (uri := f"{at}/{file.name}") in lost:
            continue
        found = stored.get(file.name)
        if found is None or found.size != file.bytes:
            raise VergerError(
                f"{uri}: expected the {file.bytes:,} bytes that were written, found "
                f"{f'{found.size:,} bytes' if found else 'no such file'}; start a new run, which featurizes the photos "
                "of the file again"
            )
        yield FeatureFile(found.uri, run_of(folder), file.bytes, file.first, file.last)


def _rows(file: FeatureFile) -> int:
    with storage.reading(file.uri, file.size) as source:
        try:
            return int(pq.ParquetFile(source).metadata.num_rows)
        except (pa.ArrowException, OSError) as error:
            raise unexpected(file, error) from None


def unexpected(file: FeatureFile, error: Exception) -> VergerError:
    """Return the error for a file that is missing or is not Parquet with the columns of features."""
    return VergerError(
        f"{file.uri}: expected Parquet with {', '.join(COLUMNS)}, found {one_line(error)}; start a run with the "
        "parameter full_refresh, which featurizes all photos again"
    )


@dataclass(frozen=True)
class CurrentRows:
    """Reads the current rows of feature files.

    Attributes
    ----------
    deletes : str or None
        URI of the table of the deleted rows. None when no row was deleted.
    columns : tuple of str
    """

    deletes: str | None
    columns: tuple[str, ...] = COLUMNS

    def batches(self, files: Sequence[FeatureFile]) -> Iterator[pa.RecordBatch]:
        """Yield `columns` of the current rows, in batches of at most ``BATCH_ROWS``.

        ``FETCHED_ROWS`` rows are prefetched.

        Raises
        ------
        VergerError
            A file is missing, or is not Parquet with these columns.
        """
        yield from (rows for rows in prefetch(self._read(files), FETCHED_ROWS // BATCH_ROWS) if len(rows))

    def _read(self, files: Sequence[FeatureFile]) -> Iterator[pa.RecordBatch]:
        """Read one file after the other. Only the rows of one request are in memory."""
        for file in files:
            with storage.reading(file.uri, file.size) as source:
                try:
                    yield from self._of_file(file, pq.ParquetFile(source, pre_buffer=True))
                except (pa.ArrowException, OSError, KeyError) as error:
                    raise unexpected(file, error) from None

    def _of_file(self, file: FeatureFile, parquet: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
        missing = {*self.columns} - {*parquet.schema_arrow.names}
        if missing:
            raise KeyError(f"no column {', '.join(sorted(missing))}")
        deleted = deleted_paths(self.deletes).get(file.run) if self.deletes else None
        # With the column etag the columns are one range of the file, which one GET fetches.
        columns = [name for name in parquet.schema_arrow.names if name in (*COLUMNS, "etag")]
        for groups in _groups_of_a_request(parquet.metadata):
            for batch in parquet.iter_batches(BATCH_ROWS, groups, columns, use_threads=False):
                rows = batch.select([*self.columns])
                yield rows if deleted is None else rows.filter(_is_current(rows.column("path"), deleted))


def _groups_of_a_request(metadata: pq.FileMetaData) -> Iterator[list[int]]:
    """Yield the numbers of the row groups that one request fetches."""
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


def _is_current(paths: pa.StringArray, deleted: pa.StringArray) -> pa.BooleanArray:
    """Return which paths of a batch are not deleted.

    pyarrow hashes the value set of `is_in`. The batch is small and `deleted` may be large, so the batch is the value
    set of the first call.
    """
    here = deleted.filter(pc.is_in(deleted, value_set=paths))
    return pc.invert(pc.is_in(paths, value_set=here))


def run_of(uri: str) -> str:
    """Return the id of a feature run.

    Examples
    --------
    >>> run_of("s3://bucket/features/run=A/")
    'A'
    """
    return name_of(uri).removeprefix(RUN)


@lru_cache(maxsize=2)
def deleted_paths(uri: str) -> dict[str, pa.Array]:
    """Return the deleted paths of each run. A process reads the table once, because it never changes during a run."""
    try:
        table = pq.read_table(pa.BufferReader(storage.read(uri)), columns=[*DELETES.names])
    except (pa.ArrowException, OSError) as error:
        raise VergerError(
            f"{uri}: expected Parquet with {', '.join(DELETES.names)}, found {one_line(error)}; start a new run"
        ) from None
    return {
        run: table.filter(pc.equal(table["run"], run))["path"].combine_chunks()
        for run in pc.unique(table["run"]).to_pylist()
    }


def matrix(batch: pa.RecordBatch, width: int | None = None) -> NDArray[np.float32]:
    """Return the column `features` of a batch as an array, without a copy.

    Parameters
    ----------
    batch : RecordBatch
        Has the columns `path` and `features`.
    width : int, optional
        Expected width of the rows. The default is the width of the widest row.

    Returns
    -------
    ndarray of shape (rows, width), float32

    Raises
    ------
    VergerError
        The column is not a list of 32-bit floats, a row has another width, or a value is null.
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
