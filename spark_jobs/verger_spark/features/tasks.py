"""The tasks of step 1: splits of the inventory in, files of features and of rejects out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from verger_contract.metrics import ListedFile
from verger_contract.photos import label_of
from verger_contract.preprocessing import Decoding
from verger_contract.reasons import RejectKind, reason
from verger_contract.schemas import FEATURES, FEATURES_WIDTH, REJECTS
from verger_photo.decode import decode
from verger_photo.limits.sizes import MAX_BYTES
from verger_photo.model import Featurizer, Model
from verger_photo.unreadable import UnreadablePhoto
from verger_spark.features.inventory import Inventory, ListedPhoto
from verger_spark.features.prefetch import prefetch_photos
from verger_spark.features.source import open_source
from verger_spark.features.splits import Splits
from verger_spark.io import storage, table_file
from verger_spark.io.prefetch import prefetch
from verger_spark.session import Counter as RowCounter
from verger_spark.session import Shared

DECODED_PHOTOS = 8
"""Photos that are decoded while the network computes as many. Each takes 150 kB, independent of the file's size. Only
one photo is decoded at a time, so that two large ones are never in memory together."""

REJECTS_PER_BATCH = 1024

RejectRow = tuple[str, str, str, str]
"""Path, etag, kind and reason."""


@dataclass(frozen=True)
class Photos:
    """The photos of an inventory.

    Attributes
    ----------
    images : str
        URI that the paths of the inventory are relative to.
    images_prefix : str
        The part of a path before `<label>/<file>`.
    decoding : Decoding
        How large JPEG files are decoded.
    """

    images: str
    images_prefix: str
    decoding: Decoding

    def pixels(
        self, listed: Iterable[ListedPhoto]
    ) -> Iterator[tuple[ListedPhoto, str, NDArray[np.uint8] | UnreadablePhoto]]:
        """Yield every photo with its label and its pixels, in order.

        The label of a photo without a label is "". For a photo that cannot be read, the pixels are the UnreadablePhoto.
        """
        source = open_source(self.images)

        def read(photo: ListedPhoto) -> bytes:
            self._check_listed(photo)
            return source(photo.path, photo.etag)

        for photo, content in prefetch_photos(listed, read):
            label = label_of(photo.path, self.images_prefix) or ""
            try:
                if isinstance(content, UnreadablePhoto):
                    raise content
                yield photo, label, decode(content, self.decoding)
            except UnreadablePhoto as unreadable:
                yield photo, label, unreadable

    def _check_listed(self, photo: ListedPhoto) -> None:
        """Raise UnreadablePhoto for a photo that is rejected without reading it."""
        if label_of(photo.path, self.images_prefix) is None:
            where = f"it lies directly under {self.images_prefix!r}, expected <label>/<file> there"
            raise UnreadablePhoto(RejectKind.NO_LABEL, where)
        if photo.size > MAX_BYTES:
            raise UnreadablePhoto(RejectKind.FILE_TOO_LARGE, f"{photo.size:,} bytes, the limit is {MAX_BYTES:,}")


@dataclass(frozen=True)
class Work:
    """The photos of each split, and the folder of the features: one file for each split.

    Attributes
    ----------
    photos : Photos
    inventory : Inventory
    splits : Splits
    features : str
        URI of the folder of this attempt.
    identity : str
        Identifies inventory, model, preprocessing and splits. Every file has it in its metadata.
    earlier : tuple of str
        URIs of the folders of earlier attempts.
    """

    photos: Photos
    inventory: Inventory
    splits: Splits
    features: str
    identity: str
    earlier: tuple[str, ...] = ()

    def metadata(self, split: int) -> dict[str, str]:
        """Return the metadata of the file of a split."""
        return {"verger.work": self.identity, "verger.split": str(split)}

    def finished(self, split: int) -> pa.Table | None:
        """Return the features of a split that an earlier attempt wrote. None if there are none, or if they are damaged.

        A file in S3 is complete or absent. Its metadata prove that it holds this split of the same work.
        """
        for folder in self.earlier:
            uri = table_file.uri(folder, split)
            if storage.exists(uri) and (table := self._whole(uri, split)) is not None:
                return table
        return None

    def _whole(self, uri: str, split: int) -> pa.Table | None:
        try:
            table = pq.read_table(pa.BufferReader(storage.read(uri)))
        except (pa.ArrowException, OSError):
            return None
        found = {name.decode(): value.decode() for name, value in (table.schema.metadata or {}).items()}
        same = self.metadata(split).items() <= found.items()
        return table if same and table.schema.equals(FEATURES.arrow) and is_finite(table) else None

    def listed(self, split: int) -> list[ListedPhoto]:
        """Return the photos of a split."""
        return self.inventory.read(self.splits.rows(split))


@dataclass(frozen=True)
class Featurize:
    """First pass, for `TaskRunner.run`: numbers of splits in, (split, its file of features) out.

    Each split writes one file of features. `processed` counts all photos, for progress.json.
    """

    work: Work
    model: Shared[Model]
    processed: RowCounter

    def __call__(self, splits: Iterable[int]) -> Iterator[tuple[int, ListedFile]]:
        """Featurize the photos of the splits."""
        for split in splits:
            yield split, self._featurize(split)

    def _featurize(self, split: int) -> ListedFile:
        """Write the features of a split: first those that an earlier attempt computed, then those of the others."""
        work, listed = self.work, self.work.listed(split)
        done: set[str] = set()
        # The file is written even if it has no rows: it replaces the file of an earlier attempt, which may have some.
        with table_file.writing(work.features, split, FEATURES.arrow, work.metadata(split)) as file:
            if (finished := work.finished(split)) is not None:
                for start in range(0, len(finished), table_file.GROUP_ROWS):
                    file.write(finished.slice(start, table_file.GROUP_ROWS))
                done = {*finished["path"].to_pylist()}
                self.processed.add(len(done))
            for rows in self._computed([photo for photo in listed if photo.path not in done]):
                file.write(rows)
        return file.file

    def _computed(self, listed: list[ListedPhoto]) -> Iterator[pa.Table]:
        """Yield the features of readable photos, in tables of one row group."""
        featurizer = _featurizer(self.model.value)
        rows: list[tuple[str, str, str]] = []
        vectors: list[NDArray[np.float32]] = []
        # Decoding and computing both release Python's lock.
        for photo, label, pixels in prefetch(self.work.photos.pixels(listed), DECODED_PHOTOS):
            self.processed.add(1)
            if isinstance(pixels, UnreadablePhoto):
                continue  # the second pass writes the reject
            rows.append((photo.path, label, photo.etag))
            vectors.append(featurizer.features(pixels))
            if len(rows) == table_file.GROUP_ROWS:
                yield table_file.features(rows, vectors)
                rows, vectors = [], []
        if rows:
            yield table_file.features(rows, vectors)


def is_finite(table: pa.Table) -> bool:
    """Whether every row has all features, and all are finite."""
    widths = pc.list_value_length(table["features"])
    if not len(table):
        return True
    values = pc.list_flatten(table["features"])
    return bool(pc.all(pc.equal(widths, FEATURES_WIDTH)).as_py() and pc.all(pc.is_finite(values)).as_py())


@dataclass(frozen=True)
class Reject:
    """Second pass, for `TaskRunner.run`: numbers of groups of splits in, (file, number of rejects by kind) out.

    Each group writes one file in the folder `rejects`, with a row for each photo of its splits that has no features.
    """

    work: Work
    groups: Shared[Sequence[Sequence[int]]]
    rejects: str

    def __call__(self, numbers: Iterable[int]) -> Iterator[tuple[ListedFile, dict[str, int]]]:
        """Write the rejects of the groups."""
        for number in numbers:
            kinds: Counter[str] = Counter()
            with table_file.writing(self.rejects, number, REJECTS.arrow) as file:
                for rows in _batched(self._rejects(self.groups.value[number])):
                    kinds.update(kind for _, _, kind, _ in rows)
                    columns = [pa.array(column) for column in zip(*rows, strict=True)]
                    file.write(pa.Table.from_arrays(columns, schema=REJECTS.arrow))
            yield file.file, dict(kinds)

    def _rejects(self, splits: Sequence[int]) -> Iterator[RejectRow]:
        """Yield the reject of every photo that is missing in the feature file of its split."""
        for split in splits:
            with storage.reading(table_file.uri(self.work.features, split)) as source:
                done = {*pq.read_table(source, columns=["path"])["path"].to_pylist()}
            missing = [photo for photo in self.work.listed(split) if photo.path not in done]
            for photo, _, pixels in self.work.photos.pixels(missing):
                yield photo.path, photo.etag, *_kind_and_reason(pixels)


def _batched(rows: Iterator[RejectRow]) -> Iterator[list[RejectRow]]:
    while batch := [*islice(rows, REJECTS_PER_BATCH)]:
        yield batch


def _kind_and_reason(pixels: NDArray[np.uint8] | UnreadablePhoto) -> tuple[str, str]:
    if isinstance(pixels, UnreadablePhoto):
        return pixels.kind.value, str(pixels)
    kind = RejectKind.UNREADABLE_AT_FIRST
    return kind.value, reason(kind, "it could be read a moment later; the next run takes it")


@lru_cache(maxsize=1)
def _featurizer(model: Model) -> Featurizer:
    """Return the one interpreter of this worker process."""
    return Featurizer(model)
