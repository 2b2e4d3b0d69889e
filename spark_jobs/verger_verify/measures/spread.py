"""The variance of many vectors, measured in batches. The next run adds new vectors to it and removes others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy


@dataclass
class Spread:
    """The variance of each dimension, updated in batches.

    References
    ----------
    Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance: analysis and recommendations".
    """

    count: int = 0
    mean: Any = 0.0
    squares: Any = 0.0

    def add(self, block: numpy.ndarray) -> None:
        """Add a batch of vectors, float64, shape (rows, dimensions)."""
        count = len(block)
        if not count:
            return
        mean = block.mean(axis=0)
        delta = mean - self.mean
        total = self.count + count
        self.squares = self.squares + ((block - mean) ** 2).sum(axis=0) + delta**2 * self.count * count / total
        self.mean = self.mean + delta * count / total
        self.count = total

    @property
    def total_variance(self) -> float:
        """The sum of the sample variances (divided by n - 1) of all dimensions."""
        return float(self.squares.sum() / (self.count - 1)) if self.count > 1 else 0.0

    def plus(self, other: Spread) -> Spread:
        """Return the variance of these vectors together with others."""
        total = self.count + other.count
        if not self.count or not other.count:
            return self if self.count else other
        delta = other.mean - self.mean
        squares = self.squares + other.squares + delta**2 * self.count * other.count / total
        return Spread(total, self.mean + delta * other.count / total, squares)

    def minus(self, other: Spread) -> Spread:
        """Return the variance of these vectors without others, which must be among them: the inverse of `plus`."""
        count = self.count - other.count
        if not other.count or count <= 0:
            return self if not other.count else Spread(count)
        mean = (self.mean * self.count - other.mean * other.count) / count
        delta = other.mean - mean
        return Spread(count, mean, self.squares - other.squares - delta**2 * count * other.count / self.count)

    def document(self) -> dict[str, Any]:
        """Return the JSON object of a spread of at least one vector."""
        return {"count": self.count, "mean": self.mean.tolist(), "squares": self.squares.tolist()}

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Spread:
        """Return the inverse of `document`. Raises KeyError, TypeError or ValueError for another object."""
        import numpy

        mean, squares = (numpy.array(document[name], numpy.float64) for name in ("mean", "squares"))
        return cls(int(document["count"]), mean, squares)


@dataclass(frozen=True)
class Measured:
    """The variance of all current photos, as the checks of a run measured it: runs/<id>/spread.json.

    Attributes
    ----------
    basis : str
        The basis of the coordinates.
    features, coordinates : Spread
    """

    basis: str
    features: Spread
    coordinates: Spread

    @property
    def explained_variance(self) -> float | None:
        """The variance of the coordinates divided by that of the features; None without variance."""
        total = self.features.total_variance
        return self.coordinates.total_variance / total if total else None

    def document(self) -> dict[str, Any]:
        """Return the JSON object."""
        return {
            "basis": self.basis,
            "features": self.features.document(),
            "coordinates": self.coordinates.document(),
        }

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Measured:
        """Return the inverse of `document`. Raises KeyError, TypeError or ValueError for another object."""
        spreads = {name: Spread.parse(document[name]) for name in ("features", "coordinates")}
        return cls(basis=str(document["basis"]), **spreads)
