"""How far the label of a photo disagrees with the labels of its neighbours. Only numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 10
"""Neighbours that vote. With more, a label of few photos would lose to the labels around it."""

FEWEST_OTHERS = 4
"""A label needs so many other photos in the reference: the vote of fewer neighbours says little."""

LEAST_SHARE = 0.75
"""A photo is a suspect if neighbours of other labels have three quarters of the votes: its own label has then a third
of their weight at most."""


def disagreement(
    labels: NDArray[np.int64], neighbours: NDArray[np.int64], others: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the share of the votes that neighbours of other labels have.

    Of n voting neighbours, the nearest one has n votes, the next one n - 1, and the last one a single vote. Weights by
    rank do not depend on the scale of the distances, and a copy at the distance 0 does not decide alone. At most as
    many neighbours vote as the label has other photos, so that a small label can win.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        The label of each photo, as a number.
    neighbours : ndarray of shape (n, NEIGHBOURS)
        The labels of the neighbours, the nearest one first; negative where there is none.
    others : ndarray of shape (n,)
        The number of other photos of the label in the reference.

    Returns
    -------
    ndarray of shape (n,), float64
        0 for a label with fewer than ``FEWEST_OTHERS`` other photos.
    """
    voting = np.minimum(others, neighbours.shape[1])
    weights = np.maximum(voting[:, None] - np.arange(neighbours.shape[1]), 0).astype(np.float64)
    weights[neighbours < 0] = 0
    total = weights.sum(axis=1)
    against = (weights * (neighbours != labels[:, None])).sum(axis=1)
    judged = (others >= FEWEST_OTHERS) & (total > 0)
    found: NDArray[np.float64] = np.divide(against, total, out=np.zeros_like(total), where=judged)
    return found
