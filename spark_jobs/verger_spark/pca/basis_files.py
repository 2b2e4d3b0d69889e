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

from verger_spark.errors import VergerError, one_line
from verger_spark.io import storage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from verger_spark.pca.spectrum import Basis

_DENSE = 1
# The fields of MLlib's matrix and vector: name, type (in brackets: a list of it), whether it may be null.
_MATRIX = (
    *(("type", "byte", False), ("numRows", "integer", False), ("numCols", "integer", False)),
    *(("colPtrs", ["integer"], True), ("rowIndices", ["integer"], True), ("values", ["double"], True)),
    ("isTransposed", "boolean", False),
)
_VECTOR = (
    ("type", "byte", False),
    ("size", "integer", True),
    ("indices", ["integer"], True),
    ("values", ["double"], True),
)
_ARROW = {"byte": pa.int8(), "integer": pa.int32(), "double": pa.float64(), "boolean": pa.bool_()}


def save(basis: Basis, uri: str, facts: dict[str, Any]) -> None:
    """Write the basis to the folder `uri`, in place of what is there: the PCAModel, and `spectrum.json` with `facts`
    and all d explained variance ratios. `facts` has the version of Spark as `spark`.
    """
    folder = uri.rstrip("/")
    storage.remove(folder)
    with storage.writing(f"{folder}/data/part-00000.parquet") as sink:
        pq.write_table(_model(basis, facts["spark"]), sink, use_dictionary=False)
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
        matrix = pq.read_table(pa.BufferReader(storage.read(part)), columns=["pc"])["pc"].combine_chunks()[0]
        rows, columns = matrix["numRows"].as_py(), matrix["numCols"].as_py()
        values: NDArray[np.float64] = matrix["values"].values.to_numpy()
        # MLlib keeps a matrix by columns, unless it is transposed.
        transposed = matrix["isTransposed"].as_py()
        components = values.reshape(rows, columns) if transposed else values.reshape(columns, rows).T
    except (KeyError, TypeError, ValueError, AttributeError, OSError, pa.ArrowException) as error:
        raise VergerError(
            f"{folder}/data: expected the matrix of a PCAModel, found {one_line(error)}; run with policy refit"
        ) from None
    if rows != width:
        raise VergerError(f"{uri}: expected a basis of {width} features, found {rows}; run with policy refit")
    return components


def _model(basis: Basis, spark_version: str) -> pa.Table:
    """The one row of a PCAModel's data, with the names of MLlib's types in the words that Spark looks for."""
    rows, columns = basis.components.shape
    by_columns = basis.components.ravel(order="F")
    ratios = basis.explained_variance_ratio[: basis.k]
    matrix = {"type": _DENSE, "numRows": rows, "numCols": columns, "values": by_columns, "isTransposed": False}
    fields = {
        "pc": ("Matrix", _MATRIX, matrix),
        "explainedVariance": ("Vector", _VECTOR, {"type": _DENSE, "values": ratios}),
    }
    described = {
        "type": "struct",
        "fields": [_described(name, _user_type(kind, types), True) for name, (kind, types, _) in fields.items()],
    }
    schema = pa.schema(
        [(name, pa.struct([_arrow(*field) for field in types])) for name, (_, types, _) in fields.items()],
        metadata={
            "org.apache.spark.version": spark_version,
            "org.apache.spark.sql.parquet.row.metadata": json.dumps(described),
        },
    )
    return pa.Table.from_pylist([{name: value for name, (_, _, value) in fields.items()}], schema=schema)


def _arrow(name: str, kind: str | list[str], nullable: bool) -> pa.Field:
    if isinstance(kind, str):
        return pa.field(name, _ARROW[kind], nullable)
    return pa.field(name, pa.list_(pa.field("element", _ARROW[kind[0]], nullable=False)), nullable)


def _user_type(kind: str, types: tuple[tuple[str, str | list[str], bool], ...]) -> dict[str, Any]:
    fields = [
        _described(
            name,
            of if isinstance(of, str) else {"type": "array", "elementType": of[0], "containsNull": False},
            nullable,
        )
        for name, of, nullable in types
    ]
    return {
        "type": "udt",
        "class": f"org.apache.spark.ml.linalg.{kind}UDT",
        "pyClass": f"pyspark.ml.linalg.{kind}UDT",
        "sqlType": {"type": "struct", "fields": fields},
    }


def _described(name: str, kind: Any, nullable: bool) -> dict[str, Any]:
    return {"name": name, "type": kind, "nullable": nullable, "metadata": {}}
