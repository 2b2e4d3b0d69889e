"""The Spark tasks of step 2: feature files and Arrow batches in, sums and files of coordinates out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from verger_contract.errors import VergerError
from verger_contract.metrics import ListedFile
from verger_contract.schemas import FEATURES, PCA
from verger_spark.io import table_file
from verger_spark.io.feature_files import CurrentRows, FeatureFile, matrix
from verger_spark.pca.covariance import Moments

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.accumulators import Accumulator

Groups = Sequence[Sequence[FeatureFile]]

WRITTEN_SCHEMA = "name string, rows bigint, bytes bigint, sha256 string"
PACKED_SCHEMA = "path string, features binary"
MOMENTS_SCHEMA = "block int, moments binary"
SPREAD_SCHEMA = "total double, explained double"

_WRITTEN = pa.schema([("name", pa.string()), ("rows", pa.int64()), ("bytes", pa.int64()), ("sha256", pa.string())])
_MOMENTS = pa.schema([("block", pa.int32()), ("moments", pa.binary())])
_SPREAD = pa.schema([("total", pa.float64()), ("explained", pa.float64())])
_PACKED = pa.schema([("path", pa.string()), ("features", pa.binary())])


@dataclass(frozen=True)
class ReadRows:
    """For `DataFrame.mapInArrow`: numbers (`id`) of groups of files in, path and features of their current rows out.

    The features are bytes, because Spark copies a binary value at once and a list number by number.
    """

    groups: Broadcast[Groups]
    rows: CurrentRows

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Read the groups."""
        for number in _numbers(batches):
            yield from map(_packed, self.rows.batches(self.groups.value[number]))


def _packed(rows: pa.RecordBatch) -> pa.RecordBatch:
    packed = np.ascontiguousarray(matrix(rows))
    offsets = np.arange(0, packed.nbytes + 1, packed.shape[1] * packed.itemsize, dtype=np.int32)
    features = pa.Array.from_buffers(pa.binary(), len(packed), [None, pa.py_buffer(offsets), pa.py_buffer(packed)])
    return pa.RecordBatch.from_arrays([rows.column("path"), features], schema=_PACKED)


def unpacked(batch: pa.RecordBatch, width: int) -> NDArray[np.float32]:
    """Return the features of a batch of `ReadRows` as an array, without a copy.

    Returns
    -------
    ndarray of shape (rows, width), float32

    Raises
    ------
    VergerError
        A row has another width.
    """
    column = batch.column("features")
    bytes_each = np.diff(np.frombuffer(column.buffers()[1], np.int32, len(column) + 1, 4 * column.offset))
    wrong = np.flatnonzero(bytes_each != 4 * width)
    if len(wrong):
        row, found = int(wrong[0]), int(bytes_each[wrong[0]]) // 4
        raise VergerError(f"{batch.column('path')[row].as_py()}: expected {width} features, found {found}")
    start = np.frombuffer(column.buffers()[1], np.int32, 1, 4 * column.offset)[0]
    flat = np.frombuffer(column.buffers()[2], np.float32, len(column) * width, int(start))
    return flat.reshape(len(column), width)


@dataclass(frozen=True)
class Accumulate:
    """For `DataFrame.mapInArrow`: rows of `ReadRows`, sorted by block and path, in; the moments of each block out."""

    processed: Accumulator[int]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Sum up the blocks."""
        for block, slices in groupby(_by_block(batches), key=lambda pair: pair[0]):
            yield _moments_batch(block, Moments.of(self._matrices(rows for _, rows in slices)))

    def _matrices(self, batches: Iterable[pa.RecordBatch]) -> Iterator[NDArray[np.float32]]:
        width = None
        for rows in batches:
            self.processed.add(len(rows))
            width = width or len(rows.column("features")[0].as_buffer()) // 4
            yield unpacked(rows, width)


@dataclass(frozen=True)
class Merge:
    """For `DataFrame.mapInArrow`: moments, sorted by parent and block, in; the moments of each parent out."""

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Merge the moments of each parent."""
        rows = (
            (parent, packed)
            for batch in batches
            for parent, packed in zip(batch.column("parent").to_pylist(), batch.column("moments"), strict=True)
        )
        for parent, group in groupby(rows, key=lambda row: row[0]):
            yield _moments_batch(parent, Moments.merged(packed.as_py() for _, packed in group))


@dataclass(frozen=True)
class Project:
    """For `DataFrame.mapInArrow`: numbers (`id`) of groups of files in, the written file of each group out.

    Each group writes one file of coordinates to the folder `pca`, named by its number. The coordinates of a photo are
    ``x · components``, where x are its features, not centred.
    """

    groups: Broadcast[Groups]
    rows: CurrentRows
    components: Broadcast[NDArray[np.float64]]
    pca: str
    processed: Accumulator[int]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Project the groups and write their files."""
        for number in _numbers(batches):
            with table_file.writing(self.pca, number, PCA.arrow) as file:
                for projected in self._projected(self.groups.value[number]):
                    file.write(projected)
            yield _written(file.file)

    def _projected(self, files: Sequence[FeatureFile]) -> Iterator[pa.RecordBatch]:
        width, k = self.components.value.shape
        for rows in self.rows.batches(files):
            coordinates = matrix(rows, width).astype(np.float64) @ self.components.value
            offsets = np.arange(0, (len(rows) + 1) * k, k, dtype=np.int32)
            column = pa.ListArray.from_arrays(pa.array(offsets), pa.array(coordinates.ravel()))
            yield pa.RecordBatch.from_arrays([rows.column("path"), rows.column("label"), column], schema=PCA.arrow)
            self.processed.add(len(rows))


@dataclass(frozen=True)
class CopyRows:
    """For `DataFrame.mapInArrow`: numbers (`id`) of groups of files in, the written file of each group out.

    Each group writes its current rows to one file in the folder `into`, named by its number.
    """

    groups: Broadcast[Groups]
    rows: CurrentRows
    into: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Copy the rows of the groups."""
        for number in _numbers(batches):
            with table_file.writing(self.into, number, FEATURES.arrow) as file:
                for rows in self.rows.batches(self.groups.value[number]):
                    file.write(pa.RecordBatch.from_arrays(rows.columns, schema=FEATURES.arrow))
            yield _written(file.file)


@dataclass(frozen=True)
class Spread:
    """For `DataFrame.mapInArrow`: rows of features in, one row of ``Σ|x-m|²`` and ``Σ|Vᵀ(x-m)|²`` out.

    V are the `components` (d, k), m is the `mean` (d,).
    """

    components: Broadcast[NDArray[np.float64]]
    mean: NDArray[np.float64]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Sum up the rows of the partition."""
        total = explained = 0.0
        for batch in batches:
            centred = matrix(batch, len(self.mean)) - self.mean
            total += float(np.square(centred).sum())
            explained += float(np.square(centred @ self.components.value).sum())
        yield pa.RecordBatch.from_arrays([pa.array([total]), pa.array([explained])], schema=_SPREAD)


def _written(file: ListedFile) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{name: getattr(file, name) for name in _WRITTEN.names}], schema=_WRITTEN)


def _numbers(batches: Iterable[pa.RecordBatch]) -> Iterator[int]:
    """Yield the numbers in the column `id` of `SparkSession.range`."""
    for batch in batches:
        yield from batch.column("id").to_pylist()


def _by_block(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Cut batches where the column `block` changes."""
    for batch in batches:
        blocks = batch.column("block").to_numpy()
        cuts = [0, *(np.flatnonzero(np.diff(blocks)) + 1).tolist(), len(blocks)]
        for start, stop in pairwise(cuts):
            if stop > start:
                yield int(blocks[start]), batch.slice(start, stop - start)


def _moments_batch(block: int, moments: Moments) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([block], pa.int32()), pa.array([moments.pack()], pa.binary())], schema=_MOMENTS
    )
