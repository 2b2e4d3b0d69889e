"""Photos that exist only in the tables of a publication: their keys and ETags are computed from numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.harness.synthetic_listing import LABELS, Photos
from verger_contract.schemas import FEATURES_WIDTH, INVENTORY, MANIFEST

VECTORS = 128
"""Different vectors of features. All rows of a row group have the same one, so that a file is small: Parquet compresses
equal rows to less than a tenth. Its rows, row groups, footer and keys are those of real features."""

TARGET = 0.9
"""Target variance of all runs."""

BYTES, CHUNK = 5000, 65_536


@dataclass(frozen=True, eq=False)
class DrawnPhotos:
    """The photos 0 to count - 1, in the order of their keys.

    Attributes
    ----------
    count : int
        A multiple of LABELS.
    vectors : ndarray of float32, shape (VECTORS, 1280)
        The different vectors of features.
    """

    count: int
    vectors: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, FEATURES_WIDTH), np.float32))

    @cached_property
    def _photos(self) -> Photos:
        return Photos(self.count)

    def path(self, serial: int) -> str:
        """Return the key of a photo."""
        return self._photos.path(serial)

    def paths(self, serials: Sequence[int]) -> list[str]:
        """Return the keys of photos."""
        return [*map(self._photos.path, serials)]

    def labels(self, serials: Sequence[int]) -> NDArray[np.int64]:
        """Return the numbers of the labels of photos."""
        return np.asarray(serials, np.int64) // (self.count // LABELS)

    def etag(self, serial: int) -> str:
        """Return the ETag of a photo."""
        return self._photos.etags(serial, 1, listed=False)[0]

    def manifest(self, run: str) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the manifest of the run that featurized all photos."""
        for start in range(0, self.count, CHUNK):
            count = min(CHUNK, self.count - start)
            paths, etags = self.paths(range(start, start + count)), self._photos.etags(start, count, listed=False)
            none = pa.nulls(count, pa.string())
            columns = [pa.array(paths), pa.array(etags), pa.repeat(run, count), none, none]
            yield pa.RecordBatch.from_arrays(columns, schema=MANIFEST.arrow)

    def inventory(self, deleted: Collection[int], stored: Mapping[str, tuple[str, int]]) -> Iterator[pa.RecordBatch]:
        """Yield the inventory of a later run.

        Parameters
        ----------
        deleted : collection of int
            Photos that are no longer listed.
        stored : mapping of str to (str, int)
            ETag and bytes by key of the photos that lie in the bucket: changed ones, and new ones, whose keys are
            larger than those of all drawn photos.
        """
        left = dict(stored)
        for start in range(0, self.count, CHUNK):
            count = min(CHUNK, self.count - start)
            etags = self._photos.etags(start, count, listed=False)
            rows = [
                (path, *left.pop(path, (etag, BYTES)))
                for serial, etag in enumerate(etags, start)
                if serial not in deleted
                for path in (self.path(serial),)
            ]
            yield _inventory(rows)
        yield _inventory(sorted((path, *facts) for path, facts in left.items()))


def _inventory(rows: Sequence[tuple[str, str, int]]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    arrays = [pa.array(values, field.type) for values, field in zip(columns, INVENTORY.arrow, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=INVENTORY.arrow)
