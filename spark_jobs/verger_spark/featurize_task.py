"""What a Spark worker does with its share of the inventory. Arrow batches in, Arrow batches out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from verger_spark.fetch import Listed, ahead, fetch_ahead
from verger_spark.layout import FEATURES_WIDTH, label_of
from verger_spark.model import Featurizer, Model
from verger_spark.photo import MAX_BYTES, UnreadablePhoto, decode
from verger_spark.source import open_source

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.accumulators import Accumulator

DECODED_AHEAD = 8
"""Photos decoded while the network computes as many: 150 kB each, whatever the file's own size. One is decoded at a
time, so that no two large ones lie in memory side by side."""

BATCH = 128
"""Rows in an Arrow batch on its way to the JVM: 650 kB of features."""

_FEATURES = pa.schema(
    [
        ("path", pa.string()),
        ("label", pa.string()),
        ("etag", pa.string()),
        ("features", pa.list_(pa.float32())),
    ]
)
_REJECTS = pa.schema([("path", pa.string()), ("etag", pa.string()), ("reason", pa.string())])


@dataclass(frozen=True)
class Photos:
    """Where the photos of an inventory lie, and which part of a key is not the label's folder."""

    images: str
    images_prefix: str

    def pixels(self, listed: Iterable[Listed]) -> Iterator[tuple[Listed, str, NDArray[np.uint8] | UnreadablePhoto]]:
        """Yield every photo with its label ("" where it has none) and its pixels, or why there are none."""
        source = open_source(self.images)

        def read(photo: Listed) -> bytes:
            self._refuse_unread(photo)
            return source(photo.path, photo.etag)

        for photo, content in fetch_ahead(listed, read):
            label = label_of(photo.path, self.images_prefix) or ""
            try:
                if isinstance(content, UnreadablePhoto):
                    raise content
                yield photo, label, decode(content)
            except UnreadablePhoto as reason:
                yield photo, label, reason

    def _refuse_unread(self, photo: Listed) -> None:
        """What the inventory alone tells: it need not be fetched."""
        if label_of(photo.path, self.images_prefix) is None:
            where = f"it lies directly under {self.images_prefix!r}, expected <label>/<file> there"
            raise UnreadablePhoto("no label", where)
        if photo.size > MAX_BYTES:
            raise UnreadablePhoto("file too large", f"{photo.size:,} bytes, the limit is {MAX_BYTES:,}")


@dataclass(frozen=True)
class Featurize:
    """For `DataFrame.mapInArrow`: inventory rows -> a row of features for every photo that can be read."""

    photos: Photos
    model: Broadcast[Model]
    seen: Accumulator[int]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        featurizer = _featurizer(self.model.value)
        rows: list[tuple[str, str, str]] = []
        vectors: list[NDArray[np.float32]] = []
        # Neither thread holds Python's lock while it decodes or computes.
        for photo, label, pixels in ahead(self.photos.pixels(_listed(batches)), DECODED_AHEAD):
            self.seen.add(1)
            if isinstance(pixels, UnreadablePhoto):
                continue  # the second pass gives it its row in the rejects
            rows.append((photo.path, label, photo.etag))
            vectors.append(featurizer.features(pixels))
            if len(rows) == BATCH:
                yield _features_batch(rows, vectors)
                rows, vectors = [], []
        if rows:
            yield _features_batch(rows, vectors)


@dataclass(frozen=True)
class Reject:
    """For `DataFrame.mapInArrow`: inventory rows that have no features -> the reason for each."""

    photos: Photos

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = [
                (photo.path, photo.etag, _reason(pixels)) for photo, _, pixels in self.photos.pixels(_listed([batch]))
            ]
            yield pa.RecordBatch.from_arrays([pa.array(column) for column in zip(*rows, strict=True)], schema=_REJECTS)


def _reason(pixels: NDArray[np.uint8] | UnreadablePhoto) -> str:
    if isinstance(pixels, UnreadablePhoto):
        return str(pixels)
    return "unreadable at first (it could be read a moment later; the next run takes it)"


def _listed(batches: Iterable[pa.RecordBatch]) -> Iterator[Listed]:
    for batch in batches:
        columns = (batch.column(name).to_pylist() for name in ("path", "etag", "size"))
        for path, etag, size in zip(*columns, strict=True):
            yield Listed(path, etag, size)


def _features_batch(rows: list[tuple[str, str, str]], vectors: list[NDArray[np.float32]]) -> pa.RecordBatch:
    paths, labels, etags = zip(*rows, strict=True)
    offsets = np.arange(0, (len(rows) + 1) * FEATURES_WIDTH, FEATURES_WIDTH, dtype=np.int32)
    features = pa.ListArray.from_arrays(pa.array(offsets), pa.array(np.concatenate(vectors)))
    return pa.RecordBatch.from_arrays([pa.array(paths), pa.array(labels), pa.array(etags), features], schema=_FEATURES)


@lru_cache(maxsize=1)
def _featurizer(model: Model) -> Featurizer:
    """One interpreter for the life of the worker process, whatever tasks it is given."""
    return Featurizer(model)
