"""Sums of coordinates for each label, from which drift is computed. Only numpy and pyarrow.

The sums of two sets of photos are added and subtracted. The next run therefore needs the sums of a publication, and not
its coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from verger_contract.schemas import LABEL_SUMS

ROUNDING = 1e-12
"""A spread below this share of the mean square length is a rounding error of the sums: then it counts as 0."""


@dataclass
class LabelSum:
    """The sums of the photos of a label.

    Attributes
    ----------
    photos : int
        n
    total : ndarray of shape (k,), float64
        Sum of the coordinates y.
    squares : float
        ``Σ|y|²``
    """

    photos: int
    total: NDArray[np.float64]
    squares: float

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean of the coordinates, shape (k,)."""
        return self.total / self.photos

    @property
    def spread(self) -> float:
        """Root mean square distance of the photos from their mean: ``sqrt(Σ|y|²/n - |mean|²)``."""
        mean_square = self.squares / self.photos
        variance = mean_square - float(np.square(self.mean).sum())
        return math.sqrt(variance) if variance > ROUNDING * mean_square else 0.0


@dataclass
class LabelSums:
    """The sums of all labels, by label."""

    by_label: dict[str, LabelSum] = field(default_factory=dict)

    def add(self, labels: pa.Array, coordinates: NDArray[np.float64]) -> None:
        """Add rows.

        Parameters
        ----------
        labels : Array of string
        coordinates : ndarray of shape (rows, k), float64
        """
        encoded = labels.dictionary_encode()
        codes = encoded.indices.to_numpy()
        for code, label in enumerate(encoded.dictionary.to_pylist()):
            rows = coordinates[codes == code]
            self._combine(label, LabelSum(len(rows), rows.sum(axis=0), float(np.square(rows).sum())), 1)

    def plus(self, other: LabelSums) -> LabelSums:
        """Return the sums of these photos together with others."""
        return self._combined(other, 1)

    def minus(self, other: LabelSums) -> LabelSums:
        """Return the sums of these photos without others, which must be among them."""
        return self._combined(other, -1)

    def _combined(self, other: LabelSums, sign: int) -> LabelSums:
        result = LabelSums(dict(self.by_label))
        for label, sums in other.by_label.items():
            result._combine(label, sums, sign)
        return result

    def _combine(self, label: str, sums: LabelSum, sign: int) -> None:
        own = self.by_label.get(label) or LabelSum(0, np.zeros_like(sums.total), 0.0)
        photos = own.photos + sign * sums.photos
        self.by_label[label] = LabelSum(photos, own.total + sign * sums.total, own.squares + sign * sums.squares)
        if not photos:
            del self.by_label[label]

    @property
    def photos(self) -> int:
        """Number of photos of all labels."""
        return sum(sums.photos for sums in self.by_label.values())

    def table(self) -> pa.Table:
        """Return the sums in the columns of `verger_contract.schemas.LABEL_SUMS`, by label."""
        rows = [
            {"label": label, "photos": sums.photos, "total": sums.total, "squares": sums.squares}
            for label, sums in sorted(self.by_label.items())
        ]
        return pa.Table.from_pylist(rows, schema=LABEL_SUMS.arrow)

    @classmethod
    def of(cls, tables: Iterable[pa.Table]) -> LabelSums:
        """Add up tables as `table` returns them, in the given order."""
        sums = cls()
        for table in tables:
            for row in table.to_pylist():
                total = np.array(row["total"], np.float64)
                sums._combine(row["label"], LabelSum(row["photos"], total, row["squares"]), 1)
        return sums
