"""Reads a basis that `pyspark.ml.feature.PCAModel` saved, without Spark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy
import pyarrow as pa
import pyarrow.parquet as pq

from verger_contract import pca_model
from verger_contract.errors import VergerError
from verger_spark.io import storage
from verger_verify.tables.files import UnreadableFile, readable, table


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


def read(uri: str) -> Basis:
    """Return the basis in a folder.

    Raises
    ------
    VergerError
        There is none, or it cannot be read.
    """
    at = f"{uri.rstrip('/')}/"
    names = [pca_model.COMPONENTS, pca_model.EXPLAINED_VARIANCE_RATIO]
    for file in table(f"{at}data/", is_own=False).files:
        try:
            with readable():
                row = pq.read_table(pa.BufferReader(storage.read(file.uri)), columns=names)
        except UnreadableFile as error:
            raise VergerError(f"{file.uri}: expected the basis of step 2, found {error}; start a new run") from None
        if len(row):
            matrix, explained = (row.column(name)[0] for name in names)
            return Basis(pca_model.components(matrix), pca_model.explained_variance_ratio(explained))
    raise VergerError(f"{at}: expected the basis of step 2, found none; start a new run")
