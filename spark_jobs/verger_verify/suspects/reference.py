"""The reference: a bounded sample of the current photos, with which photos are compared.

It holds the photos of each label with the smallest hashes of their path. So the sample is random, it does not depend on
the order of the photos, and a run updates it from its own photos and from the paths that it removes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from verger_contract.schemas import REFERENCE

MOST = 30_000
"""Photos of the reference. All photos of a smaller publication are in it."""

FEWEST_OF_A_LABEL = 10
"""Photos of a label, if it has so many. With more than 3,000 labels, 3,000 of them are in the reference."""

MOST_COORDINATES = 256
"""The first coordinates hold most of the variance. This bounds the size of the reference: 31 MB."""


def hashed(path: str) -> int:
    """Return 64 bits of a hash of a path. Paths with the smallest hashes are a random sample."""
    return int.from_bytes(hashlib.blake2b(path.encode(errors="surrogatepass"), digest_size=8).digest())


def leading(coordinates: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the coordinates (rows, k) by which photos are compared, as float32."""
    return coordinates[:, :MOST_COORDINATES].astype(np.float32)


@dataclass(frozen=True)
class Reference:
    """Photos and their coordinates, in the order of labels and hashes.

    Attributes
    ----------
    paths, labels : sequence of str
    coordinates : ndarray of shape (photos, k), float32
    new : frozenset of str
        Those photos that the run itself adds.
    """

    paths: Sequence[str]
    labels: Sequence[str]
    coordinates: NDArray[np.float32]
    new: frozenset[str] = frozenset()

    @classmethod
    def empty(cls) -> Reference:
        """Return a reference without photos."""
        return cls([], [], np.empty((0, 0), np.float32))

    @classmethod
    def of(
        cls, paths: Sequence[str], labels: Sequence[str], coordinates: NDArray[np.float32], *, new: bool = False
    ) -> Reference:
        """Return a reference with all of some photos."""
        order = sorted(range(len(paths)), key=lambda row: (labels[row], hashed(paths[row]), paths[row]))
        ordered = [paths[row] for row in order]
        return cls(ordered, [labels[row] for row in order], coordinates[order], frozenset(ordered if new else ()))

    def plus(self, other: Reference) -> Reference:
        """Return a reference with the photos of both."""
        if not len(self.paths) or not len(other.paths):
            return self if len(self.paths) else other
        both = np.concatenate([self.coordinates, other.coordinates])
        found = Reference.of([*self.paths, *other.paths], [*self.labels, *other.labels], both)
        return Reference(found.paths, found.labels, found.coordinates, self.new | other.new)

    def without(self, paths: Collection[str]) -> Reference:
        """Return the reference without some photos."""
        return self._only([row for row, path in enumerate(self.paths) if path not in paths])

    def bounded(self, most: int = MOST, fewest: int = FEWEST_OF_A_LABEL) -> Reference:
        """Return the reference with at most `most` photos: all photos of small labels, and as many of each larger one.

        Of more than ``most / fewest`` labels, some labels are chosen by the hash of their name.
        """
        labels = sorted(self.rows_of, key=hashed)[: max(most // fewest, 1)]
        each = level([len(self.rows_of[label]) for label in labels], most)
        if each is None and len(labels) == len(self.rows_of):
            return self
        return self._only([row for label in sorted(labels) for row in self.rows_of[label][:each]])

    def _only(self, rows: Sequence[int]) -> Reference:
        paths = [self.paths[row] for row in rows]
        return Reference(
            paths, [self.labels[row] for row in rows], self.coordinates[[*rows]], self.new.intersection(paths)
        )

    @cached_property
    def rows_of(self) -> dict[str, range]:
        """The positions of the photos of each label."""
        found: dict[str, range] = {}
        for row, label in enumerate(self.labels):
            found[label] = range(found[label].start if label in found else row, row + 1)
        return found

    @cached_property
    def positions(self) -> dict[str, int]:
        """The position of each path."""
        return {path: row for row, path in enumerate(self.paths)}

    @cached_property
    def spread(self) -> float:
        """Root mean square distance of the photos from their mean; 0 without photos."""
        if not len(self.paths):
            return 0.0
        centred = self.coordinates.astype(np.float64) - self.coordinates.mean(axis=0, dtype=np.float64)
        return float(np.sqrt(np.square(centred).sum(axis=1).mean()))

    def table(self, basis: str) -> pa.Table:
        """Return the photos in the columns of `REFERENCE`. The metadata name the basis of the coordinates."""
        rows = np.ascontiguousarray(self.coordinates, "<f4")
        column = pa.array([row.tobytes() for row in rows], pa.binary())
        schema = REFERENCE.arrow.with_metadata({"basis": basis})
        return pa.Table.from_arrays([pa.array(self.paths), pa.array(self.labels), column], schema=schema)

    @classmethod
    def parse(cls, table: pa.Table, basis: str) -> Reference | None:
        """Return the reference of a table: the inverse of `table`. None for the coordinates of another basis.

        Raises
        ------
        KeyError, ValueError
            It is no table of a reference.
        """
        if (table.schema.metadata or {}).get(b"basis") != basis.encode():
            return None
        paths, labels = (table.column(name).to_pylist() for name in ("path", "label"))
        flat = np.frombuffer(b"".join(table.column("coordinates").to_pylist()), "<f4")
        # The table has the order of a reference already.
        return cls(paths, labels, flat.reshape(len(table), -1) if len(table) else np.empty((0, 0), np.float32))


def level(counts: Sequence[int], most: int) -> int | None:
    """Return the largest number of photos of each label with which all labels have at most `most` photos.

    None if no label needs to be cut.

    Examples
    --------
    >>> level([5, 100, 300], 105), level([5, 100, 300], 500)
    (50, None)
    """
    left = most
    for place, count in enumerate(sorted(counts)):
        each = left // (len(counts) - place)
        if count > each:
            return each
        left -= count
    return None
