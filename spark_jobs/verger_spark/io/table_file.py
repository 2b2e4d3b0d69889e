"""Parquet files that Python writes itself: a vector that never enters the JVM costs it nothing.

A file holds what one task made and bears the task's number: of features those of a share of the photos, of coordinates
those of a group of feature files. It is written row group by row group, so that the size of a file is not that of the
worker's memory, and is there as a whole or not at all: a task done twice leaves one file, a worker that dies none.
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

GROUP_ROWS = 256
"""Rows of a row group of features, 1.3 MB: what a worker holds of a file that it writes, several times over."""


def features(rows: list[tuple[str, str, str]], vectors: list[NDArray[np.float32]]) -> pa.Table:
    """The table of (path, label, etag) and the features of each, (1280,) float32. At least one row."""
    offsets = np.arange(0, (len(rows) + 1) * FEATURES_WIDTH, FEATURES_WIDTH, dtype=np.int32)
    column = pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(vectors)))
    return pa.Table.from_arrays(
        [*(pa.array(texts) for texts in zip(*rows, strict=True)), column], schema=FEATURES.arrow
    )


@contextlib.contextmanager
def writing(folder: str, number: int, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """Write `<folder>/part-<number>.parquet`, a row group at a time; it is there once the body has ended."""
    # Hardly two numbers are equal: a dictionary of them would be built, found too large and thrown away.
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
    """Of the file of that number in a folder."""
    return f"{folder.rstrip('/')}/part-{number:05}.parquet"


def complete(folder: str, files: int | None = None) -> None:
    """Say that a folder has all its files, as Spark says it.

    Where it is known how many there are, what else is there goes: a task of an earlier try may have outlived it.
    """
    if files is not None:
        own = {storage.name_of(uri(folder, number)) for number in range(files)}
        for found, _ in storage.files(folder):
            if storage.name_of(found) not in own:
                storage.delete(found)
    storage.write(f"{folder.rstrip('/')}/_SUCCESS", b"")
