"""The nearest reference photos of photos, by Euclidean distance. Only numpy.

The search is exact. Because the reference is bounded (see `verger_verify.suspects.reference`), the time grows with the
new photos alone, as that of an approximate index would. A block of distances is one product of matrices in float32, for
which numpy calls BLAS. A library with an index of neighbours would be one
more binary package for both architectures of the nodes, and could miss the very neighbour that makes a photo a suspect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK_ROWS = 256
"""Photos whose distances to the reference are in memory at the same time: 31 MB for 30,000 reference photos."""

IN_A_GROUP = 32
"""Columns of a group (see `_smallest`)."""

NONE = -1
"""The position of a photo that is not in the reference."""


@dataclass(frozen=True)
class Nearest:
    """The nearest reference photos of each photo, the nearest one first.

    Attributes
    ----------
    positions : ndarray of shape (photos, count), int64
        Positions in the reference; ``NONE`` where the reference has fewer photos.
    distances : ndarray of shape (photos, count), float64
        Infinite where the position is ``NONE``.
    """

    positions: NDArray[np.int64]
    distances: NDArray[np.float64]


def nearest(photos: NDArray[np.float32], reference: NDArray[np.float32], own: NDArray[np.int64], count: int) -> Nearest:
    """Return the nearest reference photos of each photo.

    Parameters
    ----------
    photos : ndarray of shape (n, k)
    reference : ndarray of shape (m, k)
    own : ndarray of shape (n,)
        The position of each photo in the reference, at which it is not its own neighbour; ``NONE`` if it is not there.
    count : int
    """
    found = Nearest(np.full((len(photos), count), NONE), np.full((len(photos), count), np.inf))
    kept = min(count, len(reference))
    if not kept:
        return found
    for rows, squared in _blocks(photos, reference, own):
        places = _smallest(squared, kept)
        # The differences themselves: the product of matrices loses digits where the distance is small.
        exact = _distances(photos[rows], reference[np.minimum(places, len(reference) - 1)])
        exact[np.isinf(np.take_along_axis(squared, places, axis=1))] = np.inf
        order = np.argsort(exact, axis=1, kind="stable")
        found.distances[rows, :kept] = np.take_along_axis(exact, order, axis=1)
        found.positions[rows, :kept] = np.take_along_axis(places, order, axis=1)
    found.positions[np.isinf(found.distances)] = NONE
    return found


def _blocks(
    photos: NDArray[np.float32], reference: NDArray[np.float32], own: NDArray[np.int64]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield the squared distances of some photos to the reference, less ``|photo|²``, which no comparison needs.

    Columns with infinity follow, so that their number is a multiple of ``IN_A_GROUP``.
    """
    centre = reference.mean(axis=0)
    columns = -(-len(reference) // IN_A_GROUP) * IN_A_GROUP
    doubled = np.zeros((columns, reference.shape[1]), np.float32)
    doubled[: len(reference)] = -2 * (reference - centre)
    squares = np.full(columns, np.inf, np.float32)
    squares[: len(reference)] = np.square(doubled[: len(reference)]).sum(axis=1) / 4
    for start in range(0, len(photos), BLOCK_ROWS):
        rows = slice(start, min(start + BLOCK_ROWS, len(photos)))
        squared = (photos[rows] - centre) @ doubled.T
        squared += squares
        places = own[rows]
        is_there = places != NONE
        squared[np.flatnonzero(is_there), places[is_there]] = np.inf
        yield rows, squared


def _smallest(values: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Return the columns of the `count` smallest values of each row, in any order.

    The columns form groups. The smallest values lie in the groups with the smallest minima, so that only the values of
    these groups are compared with each other. That takes a fraction of the time of `numpy.argpartition` over all.
    """
    rows, columns = values.shape
    groups = columns // IN_A_GROUP
    if groups <= count:
        return np.argpartition(values, count - 1, axis=1)[:, :count]
    minima = values.reshape(rows, IN_A_GROUP, groups).min(axis=1)
    chosen = np.argpartition(minima, count - 1, axis=1)[:, :count]
    candidates = (chosen[:, :, None] + groups * np.arange(IN_A_GROUP)).reshape(rows, -1)
    best = np.argpartition(np.take_along_axis(values, candidates, axis=1), count - 1, axis=1)[:, :count]
    return np.take_along_axis(candidates, best, axis=1)


def _distances(photos: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the distance of each photo (n, k) to each of its others (n, count, k)."""
    differences = others - photos[:, None, :]
    found: NDArray[np.float64] = np.sqrt(np.square(differences, dtype=np.float64).sum(axis=2))
    return found
