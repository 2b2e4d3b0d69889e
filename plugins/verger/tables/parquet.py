"""Reads and writes Parquet tables in streams, so that memory does not grow with the number of rows."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from verger_contract.errors import VergerError, one_line
from verger_contract.metrics import FILE_LIST, parse_list
from verger_contract.schemas import Table

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow
    from mypy_boto3_s3 import S3Client
    from pyarrow.fs import FileSystem
    from pyarrow.parquet import ParquetFile

Item = TypeVar("Item")

ROWS_PER_BATCH = 2048
"""Rows of a batch that is read: 10 MB of features."""

ROWS_PER_CHUNK = 8192
"""Rows that are held as Python objects: some 3 MB of keys and ETags."""

CHUNKS_PER_GROUP = 16
"""Chunks in a row group of a file. Readers and writers hold metadata of each group, so there are few of them."""


class TableError(VergerError):
    """A table has unexpected columns, or its rows are not in order."""


@dataclass(frozen=True)
class Store:
    """The Parquet tables of a bucket.

    Attributes
    ----------
    filesystem : FileSystem
        S3, or a local file system for tests.
    bucket : str
        The bucket, or the path of a folder.
    """

    filesystem: FileSystem
    bucket: str

    def batches(self, key: str, columns: Sequence[str], rows: int = ROWS_PER_BATCH) -> Iterator[pyarrow.RecordBatch]:
        """Yield columns of a table in batches.

        Parameters
        ----------
        key
            The key of a Parquet file, or a prefix that ends in '/': then the files of the table under it are read in
            order of keys (see `sizes`). A prefix without files has no rows.
        rows
            The largest number of rows of a batch.

        Raises
        ------
        TableError
            A file has no such column, or is damaged.
        """
        import pyarrow.parquet

        for path in self._files(key):
            with self.filesystem.open_input_file(path) as source, _naming(path):
                file = pyarrow.parquet.ParquetFile(source)
                absent = set(columns) - set(file.schema_arrow.names)
                if absent:
                    raise TableError(
                        f"s3://{path}: expected columns {', '.join(columns)}, found "
                        f"{', '.join(file.schema_arrow.names)}"
                    )
                yield from _batches(file, columns, rows)

    def read(self, key: str) -> bytes:
        """Return the content of an object. Raises FileNotFoundError for a missing one."""
        with self.filesystem.open_input_stream(f"{self.bucket}/{key}") as source:
            return bytes(source.read())

    def rows(self, key: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield rows of narrow columns, otherwise as `batches`."""
        return rows_of(self.batches(key, columns, 4 * ROWS_PER_BATCH), columns)

    def versions(self, key: str) -> Iterator[tuple[str, str]]:
        """Yield path and ETag of every row."""
        return ((path, etag) for path, etag in self.rows(key, ("path", "etag")))

    def column(self, key: str, name: str) -> Iterator[str]:
        """Yield the values of a narrow column."""
        return (value for (value,) in self.rows(key, (name,)))

    def sizes(self, prefix: str) -> dict[str, int]:
        """Return the size in bytes of every file of the table under a prefix that ends in '/', by key.

        Files that are not in the file list are no part of the table. Without a list, all Parquet files are.

        Raises
        ------
        TableError
            The file list is malformed.
        """
        found = self._stored(prefix)
        if f"{prefix}{FILE_LIST}" not in found:  # an earlier Verger wrote the table
            return {key: size for key, size in found.items() if key.endswith(".parquet")}
        try:
            names = [file.name for file in parse_list(json.loads(self.read(f"{prefix}{FILE_LIST}")))]
        except (ValueError, KeyError, TypeError) as error:
            raise TableError(
                f"s3://{self.bucket}/{prefix}{FILE_LIST}: expected a file list, found something else "
                f"({type(error).__name__}: {error}); the next run writes the table again"
            ) from error
        return {key: found[key] for key in (f"{prefix}{name}" for name in names) if key in found}

    def _stored(self, prefix: str) -> dict[str, int]:
        from pyarrow.fs import FileSelector

        found = self.filesystem.get_file_info(FileSelector(f"{self.bucket}/{prefix}", allow_not_found=True))
        return {info.path.removeprefix(f"{self.bucket}/"): info.size for info in found if info.is_file}

    def _files(self, key: str) -> list[str]:
        keys = sorted(self.sizes(key)) if key.endswith("/") else [key]
        return [f"{self.bucket}/{key}" for key in keys]


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Raise TableError, which names the file, for a file that is no Parquet or is damaged."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowInvalid, OSError) as error:
        if "AWS Error" in str(error):  # S3 refused the request: the file itself may be correct
            raise
        raise TableError(f"s3://{path}: expected a complete Parquet file, found {one_line(error)}") from error


def rows_of(batches: Iterable[pyarrow.RecordBatch], columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of record batches as tuples in the order of `columns`."""
    for batch in batches:
        yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a file on disk as tuples in the order of `columns`."""
    return rows_of(read_batches(path, columns), columns)


def read_batches(path: Path, columns: Sequence[str]) -> Iterator[pyarrow.RecordBatch]:
    """Yield the rows of a file on disk in batches."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        yield from _batches(file, columns, ROWS_PER_BATCH)


def _batches(file: ParquetFile, columns: Sequence[str], rows: int) -> Iterator[pyarrow.RecordBatch]:
    """Read one row group after another: pyarrow keeps the bytes of everything that one call reads."""
    for group in range(file.num_row_groups):
        yield from file.iter_batches(rows, row_groups=[group], columns=[*columns])


def chunks(rows: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Yield the rows in lists of `size`; the last list may be shorter."""
    source = iter(rows)
    while chunk := list(islice(source, size)):
        yield chunk


@contextmanager
def writer(path: Path | str, table: Table) -> Iterator[Callable[[tuple[Any, ...]], None]]:
    """Write one Parquet file row by row: the `with` statement returns the function that adds a row."""
    import pyarrow
    import pyarrow.parquet

    schema, waiting, batches = table.arrow, list[tuple[Any, ...]](), list[pyarrow.RecordBatch]()
    with pyarrow.parquet.ParquetWriter(str(path), schema, compression="zstd") as file:

        def pack() -> None:
            values = zip(zip(*waiting, strict=True), schema, strict=True)
            arrays = [pyarrow.array(column, field.type) for column, field in values]
            batches.append(pyarrow.RecordBatch.from_arrays(arrays, schema=schema))
            waiting.clear()

        def flush() -> None:
            file.write_table(pyarrow.Table.from_batches(batches, schema))
            batches.clear()

        def add(row: tuple[Any, ...]) -> None:
            waiting.append(row)
            if len(waiting) == ROWS_PER_CHUNK:
                pack()
            if len(batches) == CHUNKS_PER_GROUP:
                flush()

        yield add
        if waiting:
            pack()
        if batches:
            flush()


def write_rows(path: Path | str, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows to one Parquet file."""
    with writer(path, table) as add:
        for row in rows:
            add(row)


@contextmanager
def batch_writer(path: Path | str, table: Table) -> Iterator[Callable[[pyarrow.RecordBatch], None]]:
    """Write one Parquet file from batches of any size: the `with` statement returns the function that adds a batch.

    The row groups have the same size as those of `writer`.
    """
    import pyarrow
    import pyarrow.parquet

    schema, most = table.arrow, ROWS_PER_CHUNK * CHUNKS_PER_GROUP
    waiting = list[pyarrow.RecordBatch]()
    # Nearly every path and ETag is different: a dictionary of them only takes time.
    repeated = [name for name in table.names if name not in ("path", "etag")]
    with pyarrow.parquet.ParquetWriter(str(path), schema, compression="zstd", use_dictionary=repeated) as file:

        def add(batch: pyarrow.RecordBatch) -> None:
            if batch.num_rows:
                waiting.append(batch)
            rows = sum(one.num_rows for one in waiting)
            if rows >= most:
                group = pyarrow.Table.from_batches(waiting, schema)
                full = rows - rows % most
                file.write_table(group.slice(0, full), row_group_size=most)
                waiting[:] = group.slice(full).to_batches()

        yield add
        if waiting:
            file.write_table(pyarrow.Table.from_batches(waiting, schema))


def write_batches(path: Path | str, table: Table, batches: Iterable[pyarrow.RecordBatch]) -> None:
    """Write record batches of any size to one Parquet file."""
    with batch_writer(path, table) as add:
        for batch in batches:
            add(batch)


@contextmanager
def upload(s3: S3Client, bucket: str, key: str) -> Iterator[str]:
    """Return a temporary file to write to, and upload it when the `with` block ends without an error."""
    with tempfile.NamedTemporaryFile(prefix="verger-", suffix=".parquet") as file:
        yield file.name
        s3.upload_file(file.name, bucket, key)
