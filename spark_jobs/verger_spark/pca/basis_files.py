"""Saves and loads the PCA basis: the files of `pyspark.ml.feature.PCAModel`, and spectrum.json beside them.

The files are written without MLlib. MLlib would run two Spark jobs for them, and it creates a model of given components
only by a private constructor. The layout of the data is in `verger_contract.pca_model`.
"""

from __future__ import annotations

import hashlib
import io
import json
import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from verger_contract import pca_model
from verger_contract.errors import VergerError, one_line
from verger_contract.metrics import ListedFile
from verger_spark.io import storage, table_file
from verger_spark.io.location import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from verger_spark.pca.spectrum import Basis

FIT_AGAIN = "start a new run of the DAG, which fits one"
"""What to do about a damaged basis: the next run finds the damage before it starts a cluster."""

PART = "part-00000.parquet"
"""Name of the file in the folder data."""


def save(basis: Basis, uri: str, spark_version: str, facts: Mapping[str, object]) -> None:
    """Write the basis to the folder `uri`. It replaces everything in the folder.

    Parameters
    ----------
    basis : Basis
    uri : str
    spark_version : str
        The version that the files of the PCAModel name as their writer.
    facts : mapping
        Further members of spectrum.json, beside k and all d explained variance ratios.
    """
    folder = uri.rstrip("/")
    storage.delete_folder(folder)
    rows = pca_model.table(basis.components, basis.explained_variance_ratio[: basis.k], spark_version)
    with io.BytesIO() as sink:
        pq.write_table(rows, sink, use_dictionary=False)
        content = sink.getvalue()
    storage.write(f"{folder}/data/{PART}", content)
    file = ListedFile(PART, len(rows), len(content), hashlib.sha256(content).hexdigest())
    table_file.mark_complete(f"{folder}/data", [file])
    metadata = {
        "class": "org.apache.spark.ml.feature.PCAModel",
        "timestamp": time.time_ns() // 1_000_000,
        "sparkVersion": spark_version,
        "uid": "pca_verger",
        "paramMap": {"inputCol": "features", "outputCol": "pca_features", "k": basis.k},
        "defaultParamMap": {"outputCol": "pca_verger__output"},
    }
    storage.write(f"{folder}/metadata/part-00000", json.dumps(metadata).encode() + b"\n")
    storage.write(f"{folder}/metadata/_SUCCESS", b"")
    spectrum = {**facts, "k": basis.k, "explained_variance_ratio": basis.explained_variance_ratio.tolist()}
    storage.write_json(f"{folder}/spectrum.json", spectrum)  # written last: it marks the basis as complete


def load(uri: str, width: int) -> NDArray[np.float64]:
    """Return the components that `save` wrote to the folder `uri`, bit for bit.

    Returns
    -------
    ndarray of shape (width, k), float64

    Raises
    ------
    VergerError
        There is no complete basis, or its components have another width.
    """
    folder = uri.rstrip("/")
    if not storage.exists(f"{folder}/spectrum.json"):
        raise VergerError(f"{uri}: expected the published basis, found none (no spectrum.json); {FIT_AGAIN}")
    listed = table_file.file_list(f"{folder}/data")  # an earlier Verger wrote none
    names = None if listed is None else {file.name for file in listed}
    files = [file.uri for file in storage.files(f"{folder}/data") if file.uri.endswith(".parquet")]
    part = next((uri for uri in files if names is None or name_of(uri) in names), None)
    try:
        if part is None:
            raise ValueError("no Parquet file")
        content = pa.BufferReader(storage.read(part))
        matrix = pq.read_table(content, columns=[pca_model.COMPONENTS])[pca_model.COMPONENTS].combine_chunks()[0]
        components = pca_model.components(matrix)
    except (KeyError, TypeError, ValueError, AttributeError, OSError, pa.ArrowException) as error:
        raise VergerError(
            f"{folder}/data: expected the matrix of a PCAModel, found {one_line(error)}; {FIT_AGAIN}"
        ) from None
    if len(components) != width:
        found = len(components)
        raise VergerError(f"{uri}: expected a basis of {width} features, found {found}; {FIT_AGAIN}")
    return components
