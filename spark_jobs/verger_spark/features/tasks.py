"""What a Spark worker does with shares of the inventory: photos in, files of features and of rejects out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from verger_contract.photos import label_of
from verger_contract.reasons import RejectKind, reason
from verger_contract.schemas import FEATURES, REJECTS
from verger_spark.features.inventory import Inventory
from verger_spark.features.model import Featurizer, Model
from verger_spark.features.photo import MAX_BYTES, UnreadablePhoto, decode
from verger_spark.features.prefetch import Listed, ahead, fetch_ahead
from verger_spark.features.source import open_source
from verger_spark.features.splits import Shares
from verger_spark.io import storage, table_file

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.accumulators import Accumulator

DECODED_AHEAD = 8
"""Photos decoded while the network computes as many: 150 kB each, whatever the file's own size. One is decoded at a
time, so that no two large ones lie in memory side by side."""

REASONS_AT_ONCE = 1024

RejectRow = tuple[str, str, str, str]
"""Path, etag, kind and reason."""


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
            except UnreadablePhoto as unreadable:
                yield photo, label, unreadable

    def _refuse_unread(self, photo: Listed) -> None:
        """What the inventory alone tells: it need not be fetched."""
        if label_of(photo.path, self.images_prefix) is None:
            where = f"it lies directly under {self.images_prefix!r}, expected <label>/<file> there"
            raise UnreadablePhoto(RejectKind.NO_LABEL, where)
        if photo.size > MAX_BYTES:
            raise UnreadablePhoto(RejectKind.FILE_TOO_LARGE, f"{photo.size:,} bytes, the limit is {MAX_BYTES:,}")


@dataclass(frozen=True)
class Work:
    """Which photos are in which share, and the folder that has a file of features for each share."""

    photos: Photos
    inventory: Inventory
    shares: Shares
    features: str

    def listed(self, share: int) -> list[Listed]:
        return self.inventory.read(self.shares.rows(share))


@dataclass(frozen=True)
class Featurize:
    """For `RDD.mapPartitions`: numbers of shares -> each with how many of its photos can be read; the features of these
    are written.
    """

    work: Work
    model: Broadcast[Model]
    seen: Accumulator[int]

    def __call__(self, shares: Iterable[int]) -> Iterator[tuple[int, int]]:
        for share in shares:
            yield share, self._featurize(share)

    def _featurize(self, share: int) -> int:
        featurizer = _featurizer(self.model.value)
        count = 0
        # Also without rows: an earlier try of this share may have left a file of photos that are gone since.
        with table_file.writing(self.work.features, share, FEATURES.arrow) as file:
            rows: list[tuple[str, str, str]] = []
            vectors: list[NDArray[np.float32]] = []
            # Neither thread holds Python's lock while it decodes or computes.
            for photo, label, pixels in ahead(self.work.photos.pixels(self.work.listed(share)), DECODED_AHEAD):
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
        return count


@dataclass(frozen=True)
class Reject:
    """For `RDD.mapPartitions`: numbers of groups of shares -> kinds of reasons and how many photos have no features for
    them; a file in the folder `rejects` has a row with the reason of each.
    """

    work: Work
    groups: Broadcast[Sequence[Sequence[int]]]
    rejects: str

    def __call__(self, numbers: Iterable[int]) -> Iterator[tuple[str, int]]:
        for number in numbers:
            kinds: Counter[str] = Counter()
            with table_file.writing(self.rejects, number, REJECTS.arrow) as file:
                for rows in _batched(self._rejects(self.groups.value[number])):
                    kinds.update(kind for _, _, kind, _ in rows)
                    columns = [pa.array(column) for column in zip(*rows, strict=True)]
                    file.write_table(pa.Table.from_arrays(columns, schema=REJECTS.arrow))
            yield from kinds.items()

    def _rejects(self, shares: Sequence[int]) -> Iterator[RejectRow]:
        """Path, etag, kind and reason of every photo of the shares that their files of features do not have."""
        for share in shares:
            with storage.reading(table_file.uri(self.work.features, share)) as source:
                done = {*pq.read_table(source, columns=["path"])["path"].to_pylist()}
            missing = [photo for photo in self.work.listed(share) if photo.path not in done]
            for photo, _, pixels in self.work.photos.pixels(missing):
                yield photo.path, photo.etag, *_reason(pixels)


def _batched(rows: Iterator[RejectRow]) -> Iterator[list[RejectRow]]:
    while batch := [*islice(rows, REASONS_AT_ONCE)]:
        yield batch


def _reason(pixels: NDArray[np.uint8] | UnreadablePhoto) -> tuple[str, str]:
    """Return kind and reason."""
    if isinstance(pixels, UnreadablePhoto):
        return pixels.kind.value, str(pixels)
    kind = RejectKind.UNREADABLE_AT_FIRST
    return kind.value, reason(kind, "it could be read a moment later; the next run takes it")


@lru_cache(maxsize=1)
def _featurizer(model: Model) -> Featurizer:
    """One interpreter for the life of the worker process, whatever tasks it is given."""
    return Featurizer(model)
