"""The basis on storage: what `pyspark.ml.feature.PCAModel` loads, and beside it what that cannot hold.

The model's files are written here and not by MLlib, which makes two jobs of them and, in order to be handed components
that it did not fit, has to be called by a constructor that is private to it. Their layout is MLlib's own.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from verger_contract import pca_model
from verger_spark.errors import VergerError, one_line
from verger_spark.io import storage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from verger_spark.pca.spectrum import Basis


def save(basis: Basis, uri: str, facts: dict[str, Any]) -> None:
    """Write the basis to the folder `uri`, in place of what is there: the PCAModel, and `spectrum.json` with `facts`
    and all d explained variance ratios. `facts` has the version of Spark as `spark`.
    """
    folder = uri.rstrip("/")
    storage.remove(folder)
    with storage.writing(f"{folder}/data/part-00000.parquet") as sink:
        ratio = basis.explained_variance_ratio[: basis.k]
        pq.write_table(pca_model.table(basis.components, ratio, facts["spark"]), sink, use_dictionary=False)
    storage.write(f"{folder}/data/_SUCCESS", b"")
    described = {
        "class": "org.apache.spark.ml.feature.PCAModel",
        "timestamp": time.time_ns() // 1_000_000,
        "sparkVersion": facts["spark"],
        "uid": "pca_verger",
        "paramMap": {"inputCol": "features", "outputCol": "pca_features", "k": basis.k},
        "defaultParamMap": {"outputCol": "pca_verger__output"},
    }
    storage.write(f"{folder}/metadata/part-00000", json.dumps(described).encode() + b"\n")
    storage.write(f"{folder}/metadata/_SUCCESS", b"")
    spectrum = {**facts, "k": basis.k, "explained_variance_ratio": basis.explained_variance_ratio.tolist()}
    storage.write_json(f"{folder}/spectrum.json", spectrum)  # the last: with it the basis is whole


def load(uri: str, width: int) -> NDArray[np.float64]:
    """The components (width, k), float64, of the basis that `save` wrote to `uri`: the very numbers.

    Raises
    ------
    VergerError
        There is no basis, or it is one for features of another width.
    """
    folder = uri.rstrip("/")
    if not storage.exists(f"{folder}/spectrum.json"):
        raise VergerError(f"{uri}: expected the published basis, found none (no spectrum.json); run with policy refit")
    part = next((file for file, _ in storage.files(f"{folder}/data") if file.endswith(".parquet")), None)
    try:
        if part is None:
            raise ValueError("no Parquet file")
        content = pa.BufferReader(storage.read(part))
        matrix = pq.read_table(content, columns=[pca_model.COMPONENTS])[pca_model.COMPONENTS].combine_chunks()[0]
        components = pca_model.components(matrix)
    except (KeyError, TypeError, ValueError, AttributeError, OSError, pa.ArrowException) as error:
        raise VergerError(
            f"{folder}/data: expected the matrix of a PCAModel, found {one_line(error)}; run with policy refit"
        ) from None
    if len(components) != width:
        found = len(components)
        raise VergerError(f"{uri}: expected a basis of {width} features, found {found}; run with policy refit")
    return components
