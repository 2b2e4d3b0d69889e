"""What a Spark worker does with its share of the inventory: photos in, a file of features out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from verger_spark import table_file
from verger_spark.fetch import Listed, ahead, fetch_ahead
from verger_spark.layout import label_of
from verger_spark.model import Featurizer, Model
from verger_spark.photo import MAX_BYTES, UnreadablePhoto, decode
from verger_spark.source import open_source

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.accumulators import Accumulator

DECODED_AHEAD = 8
"""Photos decoded while the network computes as many: 150 kB each, whatever the file's own size. One is decoded at a
time, so that no two large ones lie in memory side by side."""

WRITTEN_SCHEMA = "photos bigint"


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
    """For `DataFrame.mapInArrow`: inventory rows of a share -> how many can be read; their features are written.

    `features` is the folder that receives a file for every share.
    """

    photos: Photos
    model: Broadcast[Model]
    features: str
    seen: Accumulator[int]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        featurizer = _featurizer(self.model.value)
        count = 0
        # Without rows too: an earlier try of this share may have left a file of photos that are gone since.
        with table_file.writing(self.features, _share(), table_file.FEATURES) as file:
            rows: list[tuple[str, str, str]] = []
            vectors: list[NDArray[np.float32]] = []
            # Neither thread holds Python's lock while it decodes or computes.
            for photo, label, pixels in ahead(self.photos.pixels(_listed(batches)), DECODED_AHEAD):
                self.seen.add(1)
                if isinstance(pixels, UnreadablePhoto):
                    continue  # the second pass gives it its row in the rejects
                rows.append((photo.path, label, photo.etag))
                vectors.append(featurizer.features(pixels))
                count += 1
                if len(rows) == table_file.GROUP_ROWS:
                    file.write_table(table_file.features(rows, vectors))
                    rows, vectors = [], []
            if rows:
                file.write_table(table_file.features(rows, vectors))
        yield pa.RecordBatch.from_arrays([pa.array([count], pa.int64())], names=["photos"])


@dataclass(frozen=True)
class Reject:
    """For `DataFrame.mapInArrow`: inventory rows that have no features -> the reason for each."""

    photos: Photos

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            rows = [
                (photo.path, photo.etag, _reason(pixels)) for photo, _, pixels in self.photos.pixels(_listed([batch]))
            ]
            yield pa.RecordBatch.from_arrays(
                [pa.array(column) for column in zip(*rows, strict=True)], schema=table_file.REJECTS
            )


def _reason(pixels: NDArray[np.uint8] | UnreadablePhoto) -> str:
    if isinstance(pixels, UnreadablePhoto):
        return str(pixels)
    return "unreadable at first (it could be read a moment later; the next run takes it)"


def _listed(batches: Iterable[pa.RecordBatch]) -> Iterator[Listed]:
    for batch in batches:
        columns = (batch.column(name).to_pylist() for name in ("path", "etag", "size"))
        for path, etag, size in zip(*columns, strict=True):
            yield Listed(path, etag, size)


def _share() -> int:
    """The number of the share that this task has: that of its partition."""
    from pyspark import TaskContext

    context = TaskContext.get()
    return context.partitionId() if context else 0


@lru_cache(maxsize=1)
def _featurizer(model: Model) -> Featurizer:
    """One interpreter for the life of the worker process, whatever tasks it is given."""
    return Featurizer(model)
