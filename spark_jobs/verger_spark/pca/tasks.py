"""The Spark tasks of step 2: feature files and Arrow batches in, sums and files of coordinates out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from verger_contract.errors import VergerError
from verger_contract.metrics import ListedFile
from verger_contract.schemas import FEATURES, PCA
from verger_spark.io import table_file
from verger_spark.io.feature_files import CurrentRows, FeatureFile, matrix
from verger_spark.pca.sums.covariance import Moments
from verger_spark.pca.sums.label_sums import LabelSums

if TYPE_CHECKING:
    from verger_spark.session import Counter, Shared

Groups = Sequence[Sequence[FeatureFile]]


class RowSource(Protocol):
    """Reads rows of feature files: `CurrentRows`, or `verger_spark.pca.removed_rows.RemovedRows`."""

    def batches(self, files: Sequence[FeatureFile]) -> Iterator[pa.RecordBatch]:
        """Yield path, label and features of the rows."""


WRITTEN_SCHEMA = "name string, rows bigint, bytes bigint, sha256 string, first string, last string"
PROJECTED_SCHEMA = f"{WRITTEN_SCHEMA}, run string, labels binary"
LABELS_SCHEMA = "labels binary"
PACKED_SCHEMA = "path string, features binary"
MOMENTS_SCHEMA = "block int, moments binary"

_WRITTEN = pa.schema(
    [
        *(("name", pa.string()), ("rows", pa.int64()), ("bytes", pa.int64()), ("sha256", pa.string())),
        *(("first", pa.string()), ("last", pa.string())),
    ]
)
_MOMENTS = pa.schema([("block", pa.int32()), ("moments", pa.binary())])
_PROJECTED = pa.schema([*_WRITTEN, ("run", pa.string()), ("labels", pa.binary())])
_LABELS = pa.schema([("labels", pa.binary())])
_PACKED = pa.schema([("path", pa.string()), ("features", pa.binary())])


@dataclass(frozen=True)
class ReadRows:
    """For `DataFrame.mapInArrow`: numbers (`id`) of groups of files in, path and features of their rows out.

    The features are bytes, because Spark copies a binary value at once and a list number by number.
    """

    groups: Shared[Groups]
    rows: RowSource

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Read the groups."""
        for number in _numbers(batches):
            yield from map(_packed, self.rows.batches(self.groups.value[number]))


def _packed(rows: pa.RecordBatch) -> pa.RecordBatch:
    flat = np.ascontiguousarray(matrix(rows))
    offsets = np.arange(0, flat.nbytes + 1, flat.shape[1] * flat.itemsize, dtype=np.int32)
    features = pa.Array.from_buffers(pa.binary(), len(flat), [None, pa.py_buffer(offsets), pa.py_buffer(flat)])
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

    processed: Counter

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

    The files of a group are of one feature run. Each group writes one file of coordinates to the folder `pca`, named by
    its number. The coordinates of a photo are ``x · components``, where x are its features, not centred.
    """

    groups: Shared[Groups]
    rows: RowSource
    components: Shared[NDArray[np.float64]]
    pca: str
    processed: Counter

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Project the groups and write their files."""
        for number in _numbers(batches):
            files, sums = self.groups.value[number], LabelSums()
            with table_file.writing(self.pca, number, PCA.arrow) as file:
                for rows in self.rows.batches(files):
                    file.write(self._projected(rows, files[0].run, sums))
            yield _projected_file(file.file, files[0].run, sums)

    def _projected(self, rows: pa.RecordBatch, run: str, sums: LabelSums) -> pa.RecordBatch:
        coordinates = project(rows, self.components.value)
        sums.add(rows.column("label"), coordinates)
        k = coordinates.shape[1]
        offsets = np.arange(0, (len(rows) + 1) * k, k, dtype=np.int32)
        column = pa.ListArray.from_arrays(pa.array(offsets), pa.array(coordinates.ravel()))
        runs = pa.repeat(run, len(rows))
        self.processed.add(len(rows))
        return pa.RecordBatch.from_arrays([rows.column("path"), rows.column("label"), runs, column], schema=PCA.arrow)


@dataclass(frozen=True)
class SumLabels:
    """For `DataFrame.mapInArrow`: numbers (`id`) of groups of files in, the sums of their coordinates out."""

    groups: Shared[Groups]
    rows: RowSource
    components: Shared[NDArray[np.float64]]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Project the rows of the groups and sum them up."""
        for number in _numbers(batches):
            sums = LabelSums()
            for rows in self.rows.batches(self.groups.value[number]):
                sums.add(rows.column("label"), project(rows, self.components.value))
            yield pa.RecordBatch.from_arrays([pa.array([packed(sums)], pa.binary())], schema=_LABELS)


def project(rows: pa.RecordBatch, components: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the coordinates of rows of features, shape (rows, k), float64."""
    coordinates: NDArray[np.float64] = matrix(rows, len(components)).astype(np.float64) @ components
    return coordinates


def packed(sums: LabelSums) -> bytes:
    """Return the table of label sums as bytes in Arrow's format."""
    sink, table = pa.BufferOutputStream(), sums.table()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def unpacked_labels(content: bytes) -> pa.Table:
    """Return the table of label sums: the inverse of `packed`."""
    return pa.ipc.open_stream(content).read_all()


def _projected_file(file: ListedFile, run: str, sums: LabelSums) -> pa.RecordBatch:
    values = {name: getattr(file, name) for name in _WRITTEN.names}
    return pa.RecordBatch.from_pylist([{**values, "run": run, "labels": packed(sums)}], schema=_PROJECTED)


@dataclass(frozen=True)
class CopyRows:
    """For `DataFrame.mapInArrow`: numbers (`id`) of groups of files in, the written file of each group out.

    Each group writes its current rows to one file in the folder `into`, named by its number.
    """

    groups: Shared[Groups]
    rows: CurrentRows
    into: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Copy the rows of the groups."""
        for number in _numbers(batches):
            with table_file.writing(self.into, number, FEATURES.arrow) as file:
                for rows in self.rows.batches(self.groups.value[number]):
                    file.write(pa.RecordBatch.from_arrays(rows.columns, schema=FEATURES.arrow))
            yield _written(file.file)


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
