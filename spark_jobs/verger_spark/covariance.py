"""The covariance of many rows, from sums that are merged in a fixed order. Pure numpy, float64."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from verger_spark.errors import VergerError

CHUNK = 1024
"""Rows multiplied at once: 10 MB of float64 at 1,280 features."""


@dataclass
class Moments:
    """Count n, sum (d,) and Gram matrix XᵀX (d, d) of some rows; float64."""

    count: int
    total: NDArray[np.float64]
    gram: NDArray[np.float64]

    @classmethod
    def zero(cls, width: int) -> Moments:
        return cls(0, np.zeros(width), np.zeros((width, width)))

    @classmethod
    def of(cls, blocks: Iterable[NDArray[np.floating]]) -> Moments:
        """The moments of rows that come in blocks of shape (any, d), in chunks of ``CHUNK`` rows. At least one block.

        The chunks follow the order of the rows alone, not how they are cut into blocks: the same rows in the
        same order give the same bits.
        """
        rest = iter(blocks)
        first = next(rest)
        width = first.shape[1]
        moments = cls.zero(width)
        buffer, product = np.empty((CHUNK, width)), np.empty((width, width))
        filled = 0
        for block in chain([first], rest):
            start = 0
            while start < len(block):
                taken = min(CHUNK - filled, len(block) - start)
                buffer[filled : filled + taken] = block[start : start + taken]
                filled, start = filled + taken, start + taken
                if filled == CHUNK:
                    moments._add(buffer, product)
                    filled = 0
        if filled:
            moments._add(buffer[:filled], product)
        return moments

    def _add(self, rows: NDArray[np.float64], product: NDArray[np.float64]) -> None:
        self.count += len(rows)
        self.total += rows.sum(axis=0)
        self.gram += np.matmul(rows.T, rows, out=product)  # into the same pages each time

    def merge(self, other: Moments) -> None:
        """Add another's rows to this one, in place.

        Raises
        ------
        VergerError
            The rows have other widths.
        """
        if len(self.total) != len(other.total):
            raise VergerError(f"features: expected one width, found {len(self.total)} and {len(other.total)}")
        self.count += other.count
        self.total += other.total
        self.gram += other.gram

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean (d,) of the rows. At least one row."""
        return self.total / self.count

    def covariance(self) -> NDArray[np.float64]:
        """The sample covariance (d, d): ``(XᵀX - n·m·mᵀ) / (n - 1)`` with m the mean of the rows.

        The divisor is that of `pyspark.ml.feature.PCA` and `sklearn.decomposition.PCA`. At least two rows.
        """
        return (self.gram - self.count * np.outer(self.mean, self.mean)) / (self.count - 1)

    def pack(self) -> bytes:
        """As bytes: count, sum, upper triangle of the Gram matrix; 6.6 MB at 1,280 features."""
        upper = self.gram[np.triu_indices(len(self.total))]
        return b"".join(
            (np.array([self.count, len(self.total)], dtype=np.int64).tobytes(), self.total.tobytes(), upper.tobytes())
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Moments:
        """The inverse of `pack`."""
        count, width = (int(value) for value in np.frombuffer(packed, np.int64, 2))
        total = np.frombuffer(packed, np.float64, width, 16).copy()
        gram = np.zeros((width, width))
        gram[np.triu_indices(width)] = np.frombuffer(packed, np.float64, -1, 16 + 8 * width)
        return cls(count, total, gram + np.triu(gram, 1).T)
