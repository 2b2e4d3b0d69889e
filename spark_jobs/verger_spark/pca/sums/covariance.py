"""Computes the covariance of many rows from sums that are merged in a fixed order. Only numpy, float64."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from verger_contract.errors import VergerError

HEAD_BYTES = 16
CHUNK = 1024
"""Rows of one matrix product: 10 MB of float64 at 1,280 features."""


@dataclass
class Moments:
    """The moments of some rows X of shape (n, d).

    Attributes
    ----------
    count : int
        n
    total : ndarray of shape (d,), float64
        Sum of the rows.
    gram : ndarray of shape (d, d), float64
        XᵀX
    """

    count: int
    total: NDArray[np.float64]
    gram: NDArray[np.float64]

    @classmethod
    def zero(cls, width: int) -> Moments:
        """Return the moments of no rows."""
        return cls(0, np.zeros(width), np.zeros((width, width)))

    @classmethod
    def of(cls, blocks: Iterable[NDArray[np.floating]]) -> Moments:
        """Sum up rows that come in blocks of shape (any, d), at least one block.

        The rows are multiplied in chunks of ``CHUNK`` rows. The chunks depend only on the order of the rows, not on the
        blocks: the same rows in the same order give the same bits.
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
        self.gram += np.matmul(rows.T, rows, out=product)  # reuses the memory of `product`

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean of the rows, shape (d,). There must be at least one row."""
        return self.total / self.count

    def covariance(self) -> NDArray[np.float64]:
        """Return the sample covariance ``(XᵀX - n·m·mᵀ) / (n - 1)``, where m is the mean of the rows.

        `pyspark.ml.feature.PCA` and `sklearn.decomposition.PCA` use the same divisor. There must be at least two rows.

        Returns
        -------
        ndarray of shape (d, d), float64
        """
        return (self.gram - self.count * np.outer(self.mean, self.mean)) / (self.count - 1)

    def plus(self, other: Moments | None) -> Moments:
        """Return the moments of these rows together with other rows of the same width."""
        return self if other is None else self._combined(other, 1)

    def minus(self, other: Moments | None) -> Moments:
        """Return the moments of these rows without others, which must be among them.

        Without any row left, the moments are exactly zero.
        """
        return self if other is None else self._combined(other, -1)

    def _combined(self, other: Moments, sign: int) -> Moments:
        if len(other.total) != len(self.total):
            raise VergerError(f"features: expected one width, found {len(self.total)} and {len(other.total)}")
        count = self.count + sign * other.count
        if count < 0:
            raise VergerError(
                f"statistics: expected at least the {other.count:,} photos that are removed, found {self.count:,}; "
                "start a run with basis=refit, which reads all features"
            )
        if not count:
            return Moments.zero(len(self.total))
        return Moments(count, self.total + sign * other.total, self.gram + sign * other.gram)

    def pack(self) -> bytes:
        """Return count, sum and upper triangle of the Gram matrix as bytes: 6.6 MB at 1,280 features."""
        upper = self.gram[np.triu_indices(len(self.total))]
        return b"".join(
            (np.array([self.count, len(self.total)], dtype=np.int64).tobytes(), self.total.tobytes(), upper.tobytes())
        )

    @classmethod
    def merged(cls, packed: Iterable[bytes]) -> Moments:
        """Add up packed moments in the given order. For a single one this is the inverse of `pack`.

        The packed arrays are added, and only their sum becomes a matrix. There must be at least one.

        Raises
        ------
        VergerError
            The moments have different widths.
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
    """Return count and width."""
    count, width = (int(value) for value in np.frombuffer(packed, np.int64, 2))
    return count, width
