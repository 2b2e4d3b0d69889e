"""Reads a basis that `pyspark.ml.feature.PCAModel` saved, without Spark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verger.validation.check import ValidationError
from verger_contract import pca_model

if TYPE_CHECKING:
    import numpy

    from verger.tables.parquet import Store


@dataclass(frozen=True)
class Basis:
    """A PCA basis.

    Attributes
    ----------
    components : ndarray of float64, shape (dimensions, k)
        One component per column.
    explained : ndarray of float64, shape (k,)
        The share of the variance that each component explains.
    """

    components: numpy.ndarray
    explained: numpy.ndarray

    @property
    def k(self) -> int:
        """The number of components."""
        return int(self.components.shape[1])


def read(store: Store, prefix: str) -> Basis:
    """Return the basis under a key prefix.

    Raises
    ------
    ValidationError
        There is none.
    """
    for batch in store.batches(f"{prefix}data/", [pca_model.COMPONENTS, pca_model.EXPLAINED_VARIANCE_RATIO]):
        if len(batch):
            matrix, explained = (
                batch.column(pca_model.COMPONENTS)[0],
                batch.column(pca_model.EXPLAINED_VARIANCE_RATIO)[0],
            )
            return Basis(pca_model.components(matrix), pca_model.explained_variance_ratio(explained))
    raise ValidationError(f"s3://{store.bucket}/{prefix}: expected the basis of step 2, found none")
