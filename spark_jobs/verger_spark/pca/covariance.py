"""The covariance of many rows, from sums that are merged in a fixed order. Pure numpy, float64."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from verger_spark.errors import VergerError

HEAD_BYTES = 16
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
    def merged(cls, packed: Iterable[bytes]) -> Moments:
        """The sum of packed moments, in the order in which they come; of one alone, the inverse of `pack`.

        They are added as they are: a matrix is made of the sum only. At least one.

        Raises
        ------
        VergerError
            They are of rows of other widths.
        """
        rest = iter(packed)
        first = next(rest)
        count, width = _head(first)
        sums = np.frombuffer(first, np.float64, -1, HEAD_BYTES).copy()
        for other in rest:
            more, its_width = _head(other)
            if its_width != width:
                raise VergerError(f"features: expected one width, found {width} and {its_width}")
            count += more
            sums += np.frombuffer(other, np.float64, -1, HEAD_BYTES)
        gram = np.zeros((width, width))
        gram[np.triu_indices(width)] = sums[width:]
        gram += np.triu(gram, 1).T
        return cls(count, sums[:width].copy(), gram)


def _head(packed: bytes) -> tuple[int, int]:
    """Count and width."""
    count, width = (int(value) for value in np.frombuffer(packed, np.int64, 2))
    return count, width
