"""Measures how the new photos of a run differ from the earlier ones, for each label and for all together.

Only numpy and pyarrow. Everything follows from sums, so no coordinates are read.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from verger_contract.metrics import LabelDrift
from verger_contract.schemas import DRIFT
from verger_spark.io import storage, table_file
from verger_spark.pca.sums.label_sums import LabelSum, LabelSums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from verger_spark.pca.sums.covariance import Moments

LARGEST = 20
"""Number of labels in the metrics."""

ROUNDING = 1e-12
"""A scatter below this share of the sum of squares is a rounding error of the sums: then it counts as 0."""


def by_label(all_photos: LabelSums, new: LabelSums) -> list[LabelDrift]:
    """Compare the new photos of each label with its earlier photos.

    Parameters
    ----------
    all_photos : LabelSums
        Of all current photos, with the new ones.
    new : LabelSums
        Of the new photos.

    Returns
    -------
    list of LabelDrift
        One row for each label with new photos, largest ratio first. `photos` and `new` count earlier and new photos.
        `distance` lies between the means of the two. `spread` is the root mean square distance of the earlier photos
        from their mean. `ratio` is distance / spread, None where spread is 0. The last three are None for a label
        without earlier photos.
    """
    earlier = all_photos.minus(new).by_label
    rows = [_compared(label, earlier.get(label), sums) for label, sums in new.by_label.items()]
    return sorted(rows, key=lambda row: (-(row["ratio"] if row["ratio"] is not None else -math.inf), row["label"]))


def _compared(label: str, earlier: LabelSum | None, new: LabelSum) -> LabelDrift:
    row: LabelDrift = {"label": label, "photos": 0, "new": new.photos, "distance": None, "spread": None, "ratio": None}
    if earlier is not None:
        distance, spread = float(np.linalg.norm(new.mean - earlier.mean)), earlier.spread
        ratio = distance / spread if spread else None
        row |= {"photos": earlier.photos, "distance": distance, "spread": spread, "ratio": ratio}
    return row


def write(rows: Sequence[LabelDrift], uri: str) -> None:
    """Write the result of `by_label` as a table with one file."""
    storage.delete_folder(uri)
    table_file.mark_complete(uri, [table_file.write(uri, 0, pa.Table.from_pylist([*rows], schema=DRIFT.arrow))])


def explained_of(new: Moments, components: NDArray[np.float64], mean: NDArray[np.float64]) -> float | None:
    """Return the share of the new photos' scatter that the components explain: ``Σ|Vᵀ(x-m)|² / Σ|x-m|²``.

    The mean m is that of all current photos, so that the share is defined for a single new photo too. With the Gram
    matrix G and the sum t of the n new photos, ``S = G - t mᵀ - m tᵀ + n m mᵀ`` is their scatter around m, and the
    share is ``tr(VᵀSV) / tr(S)``.

    Parameters
    ----------
    new : Moments
        Of the new photos.
    components : ndarray of shape (d, k), float64
        V
    mean : ndarray of shape (d,), float64
        m

    Returns
    -------
    float or None
        None if all new photos are equal to the mean.
    """
    across = np.outer(new.total, mean)
    scatter = new.gram - across - across.T + new.count * np.outer(mean, mean)
    total = float(np.trace(scatter))
    if total <= ROUNDING * float(np.trace(new.gram)):
        return None
    return float((components * (scatter @ components)).sum()) / total
