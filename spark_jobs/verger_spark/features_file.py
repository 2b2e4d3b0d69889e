"""The files of features, written by the Python workers themselves: a vector that never enters the JVM costs it nothing.

A file holds the features of one share of the photos and bears the share's number. It is written whole, in one request
or one upload of parts: a share that is done twice leaves one file, and a worker that dies leaves none.
"""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from verger_spark import storage
from verger_spark.layout import FEATURES_WIDTH

SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("label", pa.string()),
        ("etag", pa.string()),
        ("features", pa.list_(pa.float32())),
    ]
)


def write(folder: str, share: int, rows: list[tuple[str, str, str]], vectors: list[NDArray[np.float32]]) -> None:
    """Write `<folder>/part-<share>.parquet`: rows (path, label, etag), and the features of each, (1280,) float32."""
    paths, labels, etags = zip(*rows, strict=True) if rows else ((), (), ())
    offsets = np.arange(0, (len(rows) + 1) * FEATURES_WIDTH, FEATURES_WIDTH, dtype=np.int32)
    flat = np.concatenate(vectors) if vectors else np.empty(0, np.float32)
    features = pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat))
    columns = [pa.array(column, pa.string()) for column in (paths, labels, etags)]
    buffer = io.BytesIO()
    # Hardly two features are equal: a dictionary of them would be built, found too large and thrown away.
    pq.write_table(pa.Table.from_arrays([*columns, features], schema=SCHEMA), buffer, use_dictionary=["label"])
    storage.write(f"{folder.rstrip('/')}/part-{share:05}.parquet", buffer.getvalue())
