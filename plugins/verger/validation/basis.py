"""Reads the basis as `pyspark.ml.feature.PCAModel` saves it, without Spark."""

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
    """`components`: float64 (dimensions, k), one component per column; `explained`: (k,), shares of the variance."""

    components: numpy.ndarray
    explained: numpy.ndarray

    @property
    def k(self) -> int:
        return int(self.components.shape[1])


def read(store: Store, prefix: str) -> Basis:
    """Raises ValidationError when there is no basis under the prefix."""
    for batch in store.batches(f"{prefix}data/", [pca_model.COMPONENTS, pca_model.EXPLAINED_VARIANCE_RATIO]):
        if len(batch):
            matrix, explained = (
                batch.column(pca_model.COMPONENTS)[0],
                batch.column(pca_model.EXPLAINED_VARIANCE_RATIO)[0],
            )
            return Basis(pca_model.components(matrix), pca_model.explained_variance_ratio(explained))
    raise ValidationError(f"s3://{store.bucket}/{prefix}: expected the basis that step 2 saves, found none")
