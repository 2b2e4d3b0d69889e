"""The basis on storage: what `pyspark.ml.feature.PCAModel` loads, and beside it what that cannot hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from verger_spark import storage
from verger_spark.errors import VergerError
from verger_spark.spectrum import Basis

if TYPE_CHECKING:
    from pyspark.ml.feature import PCAModel
    from pyspark.sql import SparkSession


def as_pca_model(spark: SparkSession, basis: Basis) -> PCAModel:
    """A `PCAModel` of the components (d, k); input column `features`, output column `pca_features`."""
    from pyspark.ml.common import _py2java
    from pyspark.ml.feature import PCAModel
    from pyspark.ml.linalg import DenseMatrix, DenseVector

    rows, columns = basis.components.shape
    matrix = DenseMatrix(rows, columns, basis.components.ravel(order="F"))
    ratios = DenseVector(basis.explained_variance_ratio[: basis.k])
    context: Any = spark.sparkContext
    # The constructor is private to Scala's package but public to the JVM; there is no other way to a PCAModel
    # that was not fitted by Spark, short of writing its files by hand.
    java = context._jvm.org.apache.spark.ml.feature.PCAModel(
        "pca_verger", _py2java(context, matrix), _py2java(context, ratios)
    )
    model = PCAModel(java)
    return model._set(inputCol="features", outputCol="pca_features", k=columns)


def save(spark: SparkSession, basis: Basis, uri: str, facts: dict[str, Any]) -> None:
    """Write the basis to `uri`: the PCAModel, and `spectrum.json` with `facts` and all d explained variance ratios."""
    as_pca_model(spark, basis).write().overwrite().save(uri)
    spectrum = {**facts, "k": basis.k, "explained_variance_ratio": basis.explained_variance_ratio.tolist()}
    storage.write_json(f"{uri.rstrip('/')}/spectrum.json", spectrum)


def load(spark: SparkSession, uri: str, width: int) -> NDArray[np.float64]:
    """The components (width, k), float64, of the basis that `save` wrote to `uri`: the very numbers.

    Raises
    ------
    VergerError
        There is no basis, or it is one for features of another width.
    """
    from pyspark.ml.feature import PCAModel

    if not storage.exists(f"{uri.rstrip('/')}/spectrum.json"):
        raise VergerError(f"{uri}: expected the published basis, found none (no spectrum.json); run with policy refit")
    components: NDArray[np.float64] = PCAModel.load(uri).pc.toArray()
    if len(components) != width:
        raise VergerError(
            f"{uri}: expected a basis of {width} features, found {len(components)}; run with policy refit"
        )
    return components
