"""What a Spark worker does for the PCA. Arrow batches in, Arrow batches out; no row is collected anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from verger_spark.covariance import Moments
from verger_spark.errors import VergerError

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.accumulators import Accumulator

MOMENTS_SCHEMA = "block int, moments binary"
SPREAD_SCHEMA = "total double, explained double"

_MOMENTS = pa.schema([("block", pa.int32()), ("moments", pa.binary())])
_SPREAD = pa.schema([("total", pa.float64()), ("explained", pa.float64())])
_PCA = pa.schema([("path", pa.string()), ("label", pa.string()), ("pca_features", pa.list_(pa.float64()))])


def matrix(batch: pa.RecordBatch, width: int) -> NDArray[np.float32]:
    """The column `features` of a batch as an array (rows, width), float32, without a copy.

    Raises
    ------
    VergerError
        A row has another width, or no features.
    """
    column = batch.column("features")
    lengths = np.diff(column.offsets.to_numpy())
    if column.null_count or (lengths != width).any():
        row = int(np.argmax((lengths != width) | np.array(column.is_null())))
        raise VergerError(f"{batch.column('path')[row].as_py()}: expected {width} features, found {lengths[row]}")
    flat: NDArray[np.float32] = column.flatten().to_numpy()
    return flat.reshape(len(column), width)


@dataclass(frozen=True)
class Accumulate:
    """For `DataFrame.mapInArrow`: rows sorted by block and path -> the moments of each block."""

    seen: Accumulator[int]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for block, slices in groupby(_by_block(batches), key=lambda pair: pair[0]):
            yield _moments_batch(block, Moments.of(self._matrices(rows for _, rows in slices)))

    def _matrices(self, batches: Iterable[pa.RecordBatch]) -> Iterator[NDArray[np.float32]]:
        width = None
        for rows in batches:
            self.seen.add(len(rows))
            width = width or len(rows.column("features")[0])
            yield matrix(rows, width)


@dataclass(frozen=True)
class Merge:
    """For `DataFrame.mapInArrow`: moments sorted by block -> one row for `fan_in` neighbouring blocks."""

    fan_in: int

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rows = (
            (block // self.fan_in, packed)
            for batch in batches
            for block, packed in zip(batch.column("block").to_pylist(), batch.column("moments"), strict=True)
        )
        for block, group in groupby(rows, key=lambda pair: pair[0]):
            yield _moments_batch(block, merged(packed.as_py() for _, packed in group))


def merged(packed: Iterator[bytes]) -> Moments:
    """The sum of packed moments, in the order in which they come. At least one."""
    moments = Moments.unpack(next(packed))
    for other in packed:
        moments.merge(Moments.unpack(other))
    return moments


@dataclass(frozen=True)
class Project:
    """For `DataFrame.mapInArrow`: rows of features -> their coordinates ``x · components``, x not centred."""

    components: Broadcast[NDArray[np.float64]]
    seen: Accumulator[int]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        width, k = self.components.value.shape
        for batch in batches:
            projected = matrix(batch, width).astype(np.float64) @ self.components.value
            offsets = np.arange(0, (len(batch) + 1) * k, k, dtype=np.int32)
            coordinates = pa.ListArray.from_arrays(pa.array(offsets), pa.array(projected.ravel()))
            yield pa.RecordBatch.from_arrays([batch.column("path"), batch.column("label"), coordinates], schema=_PCA)
            self.seen.add(len(batch))


@dataclass(frozen=True)
class Spread:
    """For `DataFrame.mapInArrow`: rows of features -> one row of ``Σ|x-m|²`` and ``Σ|Vᵀ(x-m)|²``, m the `mean` (d,)."""

    components: Broadcast[NDArray[np.float64]]
    mean: NDArray[np.float64]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        total = explained = 0.0
        for batch in batches:
            centred = matrix(batch, len(self.mean)) - self.mean
            total += float(np.square(centred).sum())
            explained += float(np.square(centred @ self.components.value).sum())
        yield pa.RecordBatch.from_arrays([pa.array([total]), pa.array([explained])], schema=_SPREAD)


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
