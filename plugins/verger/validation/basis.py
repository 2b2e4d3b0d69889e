"""Reads the basis as `pyspark.ml.feature.PCAModel` saves it, without Spark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verger.validation.check import ValidationError

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
    import numpy

    for batch in store.batches(f"{prefix}data/", ["pc", "explainedVariance"]):
        for row in batch.to_pylist():
            matrix, explained = row["pc"], row["explainedVariance"]
            rows, columns = matrix["numRows"], matrix["numCols"]
            values = numpy.array(matrix["values"], dtype=numpy.float64)
            # Spark keeps a matrix by columns, unless it is transposed.
            components = values.reshape(rows, columns) if matrix["isTransposed"] else values.reshape(columns, rows).T
            return Basis(components, numpy.array(explained["values"], dtype=numpy.float64))
    raise ValidationError(f"s3://{store.bucket}/{prefix}: expected the basis that step 2 saves, found none")
