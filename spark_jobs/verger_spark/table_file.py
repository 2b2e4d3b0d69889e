"""Parquet files that Python writes itself: a vector that never enters the JVM costs it nothing.

A file of features holds those of one share of the photos and bears the share's number. It is written whole, in one
request or one upload of parts: a share that is done twice leaves one file, and a worker that dies leaves none.
"""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from verger_spark import storage
from verger_spark.layout import FEATURES_WIDTH

FEATURES = pa.schema(
    [("path", pa.string()), ("label", pa.string()), ("etag", pa.string()), ("features", pa.list_(pa.float32()))]
)
REJECTS = pa.schema([("path", pa.string()), ("etag", pa.string()), ("reason", pa.string())])


def features(rows: list[tuple[str, str, str]], vectors: list[NDArray[np.float32]]) -> pa.Table:
    """The table of (path, label, etag) and the features of each, (1280,) float32. At least one row."""
    offsets = np.arange(0, (len(rows) + 1) * FEATURES_WIDTH, FEATURES_WIDTH, dtype=np.int32)
    column = pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(vectors)))
    return pa.Table.from_arrays([*(pa.array(texts) for texts in zip(*rows, strict=True)), column], schema=FEATURES)


def write(folder: str, number: int, table: pa.Table) -> None:
    """Write a table as `<folder>/part-<number>.parquet`."""
    buffer = io.BytesIO()
    # Hardly two features are equal: a dictionary of them would be built, found too large and thrown away.
    pq.write_table(table, buffer, use_dictionary=[name for name in table.column_names if name == "label"])
    storage.write(f"{folder.rstrip('/')}/part-{number:05}.parquet", buffer.getvalue())


def complete(folder: str) -> None:
    """Say that a folder has all its files, as Spark says it."""
    storage.write(f"{folder.rstrip('/')}/_SUCCESS", b"")
