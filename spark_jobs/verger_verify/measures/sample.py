"""A sample of the photos of a table, which does not depend on the order of the rows or on the division into tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from verger_contract.photos import HASH_BITS

if TYPE_CHECKING:
    import numpy

MARGIN = 4
"""How many times the expected number of photos a task collects, before all tasks' photos are put together."""


@dataclass(frozen=True)
class SampledPhoto:
    """A photo of a sample: `key` decides whether it is chosen; `vector` is a row of the table, of any float type."""

    key: int
    path: str
    label: str
    version: str
    vector: numpy.ndarray


@dataclass
class Sample:
    """The `size` photos with the smallest key, which is the hash of the path (XOR `salt`).

    Attributes
    ----------
    size : int
    salt : int
        Of HASH_BITS bits. With another salt, other photos are chosen.
    bound : int
        Photos with a larger key are not chosen. It bounds what one task collects.
    rows : list of SampledPhoto
    """

    size: int
    salt: int = 0
    bound: int = 1 << HASH_BITS
    rows: list[SampledPhoto] = field(default_factory=list)

    @classmethod
    def of(cls, size: int, photos: int, salt: int = 0) -> Sample:
        """Return an empty sample of a table that has about so many photos."""
        share = MARGIN * (size + 16) / max(photos, 1)
        return cls(size, salt, min(1 << HASH_BITS, int(share * (1 << HASH_BITS))))

    def offer(self, hashed: int, path: str, label: str, version: str, vector: numpy.ndarray) -> None:
        """Add a photo, unless its key is too large."""
        key = hashed ^ self.salt
        if key > self.bound:
            return
        self.rows.append(SampledPhoto(key, path, label, version, vector.copy()))
        if len(self.rows) >= 2 * self.size:
            self._cut()

    def plus(self, other: Sample) -> Sample:
        """Return the sample of the photos of both."""
        found = Sample(self.size, self.salt, min(self.bound, other.bound), [*self.rows, *other.rows])
        if len(found.rows) > found.size:
            found._cut()
        return found

    def _cut(self) -> None:
        self.rows = self.chosen()
        if len(self.rows) == self.size and self.rows:
            self.bound = min(self.bound, self.rows[-1].key)

    def chosen(self) -> list[SampledPhoto]:
        """Return the photos in order of keys."""
        return sorted(self.rows, key=lambda row: (row.key, row.path))[: self.size]
