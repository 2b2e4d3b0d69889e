"""Parquet files that Python workers write themselves, so that Spark copies none of their vectors into JVM rows.

A file holds the result of one Spark task, and its name holds the number of the task. A file of features holds one split
of the photos. A file of coordinates holds one group of feature files. The rows are written one row group at a time, so
that a worker never holds a complete file in memory. A file appears only when it is complete: a task that runs twice
leaves one file, and a worker that is killed leaves none.

A complete table has a file list (`verger_contract.metrics.FILE_LIST`). Readers read exactly the listed files.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from verger_contract.errors import VergerError
from verger_contract.metrics import FILE_LIST, ListedFile, list_document, parse_list
from verger_contract.schemas import FEATURES, FEATURES_WIDTH
from verger_spark.io import storage
from verger_spark.io.location import name_of
from verger_spark.io.streams import Sink

GROUP_ROWS = 256
"""Rows of a row group of features: 1.3 MB. A worker holds a few row groups of the file that it writes."""


def features(rows: list[tuple[str, str, str]], vectors: list[NDArray[np.float32]]) -> pa.Table:
    """Return a table of features.

    Parameters
    ----------
    rows : list of (path, label, etag)
        At least one row.
    vectors : list of ndarray of shape (1280,), float32
        The features of each row.
    """
    offsets = np.arange(0, (len(rows) + 1) * FEATURES_WIDTH, FEATURES_WIDTH, dtype=np.int32)
    column = pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(vectors)))
    return pa.Table.from_arrays(
        [*(pa.array(texts) for texts in zip(*rows, strict=True)), column], schema=FEATURES.arrow
    )


@dataclass
class TableWriter:
    """Writes the rows of one file, and counts them. `file` describes the file when it is complete."""

    parquet: pq.ParquetWriter
    rows: int = 0
    first: str | None = None
    last: str | None = None
    file: ListedFile = field(init=False)

    def write(self, rows: pa.Table | pa.RecordBatch) -> None:
        """Write the rows as one row group."""
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_batches([rows])
        self.parquet.write_table(table)
        self.rows += len(table)
        if len(table) and "path" in table.column_names:
            found = pc.min_max(table["path"])
            first, last = found["min"].as_py(), found["max"].as_py()
            self.first = first if self.first is None else min(self.first, first)
            self.last = last if self.last is None else max(self.last, last)


@contextlib.contextmanager
def writing(
    folder: str, number: int, schema: pa.Schema, metadata: Mapping[str, str] | None = None
) -> Iterator[TableWriter]:
    """Open `<folder>/part-<number>.parquet` for writing. The file appears when the `with` block ends.

    `metadata` becomes key-value metadata of the file.
    """
    # Almost no number occurs twice. For such a column Parquet would build a dictionary and then discard it.
    repeated = [name for name in schema.names if name == "label"]
    digest, size = hashlib.sha256(), 0
    with storage.writing(uri(folder, number)) as sink:

        def write_hashed(content: bytes) -> int:
            nonlocal size
            digest.update(content)
            size += len(content)
            return sink.write(content)

        described = schema.with_metadata(dict(metadata) if metadata else None)
        with pq.ParquetWriter(Sink(write_hashed), described, use_dictionary=repeated) as parquet:
            writer = TableWriter(parquet)
            yield writer
    name, sha256 = name_of(uri(folder, number)), digest.hexdigest()
    writer.file = ListedFile(name, writer.rows, size, sha256, first=writer.first, last=writer.last)


def write(folder: str, number: int, table: pa.Table) -> ListedFile:
    """Write a table as `<folder>/part-<number>.parquet`."""
    with writing(folder, number, table.schema) as file:
        file.write(table)
    return file.file


def write_empty(folder: str, schema: pa.Schema) -> None:
    """Write a complete table without rows, so that readers find its columns."""
    storage.delete_folder(folder)
    mark_complete(folder, [write(folder, 0, schema.empty_table())])


def uri(folder: str, number: int) -> str:
    """Return the URI of the file of a task.

    Examples
    --------
    >>> uri("s3://bucket/features/run=A/", 7)
    's3://bucket/features/run=A/part-00007.parquet'
    """
    return f"{folder.rstrip('/')}/part-{number:05}.parquet"


def mark_complete(folder: str, files: Iterable[ListedFile]) -> None:
    """Delete every other file from a folder, and write the file list and `_SUCCESS`, the marker that Spark writes too.

    Raises
    ------
    VergerError
        A file is missing, or has another size than its task wrote.
    """
    own, listed = {file.name: file for file in files}, []
    for stored in storage.files(folder):
        file = own.pop(name_of(stored.uri), None)
        if file is None:
            storage.delete(stored.uri)
        elif file.bytes != stored.size:
            raise VergerError(
                f"{stored.uri}: expected the {file.bytes:,} bytes that this step wrote, found {stored.size:,}; "
                "clear the task that submitted this step"
            )
        else:
            listed.append(replace(file, etag=stored.etag))
    if own:
        raise VergerError(
            f"{folder}: expected the files that this step wrote, found no {', '.join(sorted(own)[:3])}; clear the task "
            "that submitted this step"
        )
    at = folder.rstrip("/")
    storage.write_json(f"{at}/{FILE_LIST}", list_document(listed))
    storage.write(f"{at}/_SUCCESS", b"")


def file_list(folder: str) -> tuple[ListedFile, ...] | None:
    """Return the file list of a table. None without one: an earlier Verger or another program wrote the table.

    Raises
    ------
    VergerError
        The file list is malformed.
    """
    at = f"{folder.rstrip('/')}/{FILE_LIST}"
    if not storage.exists(at):
        return None
    document = storage.read_json(at)
    try:
        return parse_list(document)
    except (KeyError, TypeError) as error:
        raise VergerError(
            f"{at}: expected a file list, found something else ({type(error).__name__}: {error}); start a new run"
        ) from None


def is_whole(folder: str) -> bool:
    """Whether a table has a file list, and its folder has the listed files with the listed sizes and ETags.

    Other files in the folder do not count, because no reader reads them.
    """
    return storage.exists(f"{folder.rstrip('/')}/_SUCCESS") and is_listed(folder)


def is_listed(folder: str) -> bool:
    """Whether a folder has the files of its file list, with the listed sizes and ETags."""
    listed = {(file.name, file.bytes, file.etag) for file in file_list(folder) or ()}
    found = {(name_of(file.uri), file.size, file.etag) for file in storage.files(folder)}
    return bool(listed) and listed <= found
