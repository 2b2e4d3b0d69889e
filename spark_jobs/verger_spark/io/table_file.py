"""Parquet files that Python workers write themselves, so that Spark copies none of their vectors into JVM rows.

A file holds the result of one Spark task, and its name holds the number of the task. A file of features holds one split
of the photos. A file of coordinates holds one group of feature files. The rows are written one row group at a time, so
that a worker never holds a complete file in memory. A file appears only when it is complete: a task that runs twice
leaves one file, and a worker that is killed leaves none.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from verger_contract.schemas import FEATURES, FEATURES_WIDTH
from verger_spark.io import storage
from verger_spark.io.location import name_of

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


@contextlib.contextmanager
def writing(folder: str, number: int, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Open `<folder>/part-<number>.parquet` for writing. The file appears when the `with` block ends."""
    # Almost no number occurs twice. For such a column Parquet would build a dictionary and then discard it.
    repeated = [name for name in schema.names if name == "label"]
    with (
        storage.writing(uri(folder, number)) as sink,
        pq.ParquetWriter(sink, schema, use_dictionary=repeated) as writer,
    ):
        yield writer


def write(folder: str, number: int, table: pa.Table) -> None:
    """Write a table as `<folder>/part-<number>.parquet`."""
    with writing(folder, number, table.schema) as file:
        file.write_table(table)


def uri(folder: str, number: int) -> str:
    """Return the URI of the file of a task.

    Examples
    --------
    >>> uri("s3://bucket/features/run=A/", 7)
    's3://bucket/features/run=A/part-00007.parquet'
    """
    return f"{folder.rstrip('/')}/part-{number:05}.parquet"


def mark_complete(folder: str, file_count: int) -> None:
    """Delete files of other tasks from a folder and write `_SUCCESS`, the marker that Spark writes too.

    A task of an earlier attempt may still have written a file after this attempt deleted the folder.
    """
    own = {name_of(uri(folder, number)) for number in range(file_count)}
    for found, _ in storage.files(folder):
        if name_of(found) not in own:
            storage.delete(found)
    storage.write(f"{folder.rstrip('/')}/_SUCCESS", b"")
