"""The data of `pyspark.ml.feature.PCAModel` as Parquet: one row with the components and the explained variance.

Step 2 writes the table without MLlib. Validation and step 2 read it without MLlib. The layout is MLlib's own, so that
`PCAModel.load` reads it too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    import pyarrow
    from numpy.typing import NDArray

COMPONENTS = "pc"
"""Column of the matrix (d, k), one component a column."""

EXPLAINED_VARIANCE_RATIO = "explainedVariance"
"""Column of the vector (k,): the share of the variance that each component explains."""

_DENSE = 1

# The fields of MLlib's matrix and vector: name, type (in brackets: a list of it), nullable.
_Fields = tuple[tuple[str, str | list[str], bool], ...]
_MATRIX: _Fields = (
    ("type", "byte", False),
    ("numRows", "integer", False),
    ("numCols", "integer", False),
    ("colPtrs", ["integer"], True),
    ("rowIndices", ["integer"], True),
    ("values", ["double"], True),
    ("isTransposed", "boolean", False),
)
_VECTOR: _Fields = (
    ("type", "byte", False),
    ("size", "integer", True),
    ("indices", ["integer"], True),
    ("values", ["double"], True),
)


def components(matrix: pyarrow.StructScalar) -> NDArray[numpy.float64]:
    """Return the components that a value of the column `pc` holds.

    MLlib stores a matrix by columns. It stores a matrix with `isTransposed` by rows.

    Parameters
    ----------
    matrix : pyarrow.StructScalar
        The struct `numRows`, `numCols`, `values`, `isTransposed`.

    Returns
    -------
    ndarray of shape (d, k), float64
        One component a column.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError
        The value is not such a struct, or the number of values is not d * k.
    """
    rows, columns = matrix["numRows"].as_py(), matrix["numCols"].as_py()
    values: NDArray[numpy.float64] = matrix["values"].values.to_numpy()
    return values.reshape(rows, columns) if matrix["isTransposed"].as_py() else values.reshape(columns, rows).T


def explained_variance_ratio(vector: pyarrow.StructScalar) -> NDArray[numpy.float64]:
    """Return the shares of the variance, shape (k,), float64, of a value of the column `explainedVariance`.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError
        The value is not a vector of MLlib.
    """
    values: NDArray[numpy.float64] = vector["values"].values.to_numpy()
    return values


def table(components: NDArray[numpy.float64], ratio: NDArray[numpy.float64], spark_version: str) -> pyarrow.Table:
    """Return the one row of a PCAModel's data.

    Parameters
    ----------
    components : ndarray of shape (d, k), float64
    ratio : ndarray of shape (k,), float64
        The share of the variance that each component explains.
    spark_version : str
        The version that the file names as its writer.
    """
    import pyarrow

    rows, columns = components.shape
    by_columns = components.ravel(order="F")
    matrix = {"type": _DENSE, "numRows": rows, "numCols": columns, "values": by_columns, "isTransposed": False}
    fields: dict[str, tuple[str, _Fields, dict[str, Any]]] = {
        COMPONENTS: ("Matrix", _MATRIX, matrix),
        EXPLAINED_VARIANCE_RATIO: ("Vector", _VECTOR, {"type": _DENSE, "values": ratio}),
    }
    described = {
        "type": "struct",
        "fields": [_described(name, _user_type(kind, types), True) for name, (kind, types, _) in fields.items()],
    }
    schema = pyarrow.schema(
        [(name, pyarrow.struct([_arrow(*field) for field in types])) for name, (_, types, _) in fields.items()],
        metadata={
            "org.apache.spark.version": spark_version,
            "org.apache.spark.sql.parquet.row.metadata": json.dumps(described),
        },
    )
    return pyarrow.Table.from_pylist([{name: value for name, (_, _, value) in fields.items()}], schema=schema)


def _arrow(name: str, kind: str | list[str], nullable: bool) -> pyarrow.Field:
    import pyarrow

    types = {
        "byte": pyarrow.int8(),
        "integer": pyarrow.int32(),
        "double": pyarrow.float64(),
        "boolean": pyarrow.bool_(),
    }
    if isinstance(kind, str):
        return pyarrow.field(name, types[kind], nullable)
    return pyarrow.field(name, pyarrow.list_(pyarrow.field("element", types[kind[0]], nullable=False)), nullable)


def _user_type(kind: str, types: _Fields) -> dict[str, Any]:
    """Return the JSON by which Spark finds the class of a column: the user-defined type of MLlib."""
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


def _described(name: str, kind: str | dict[str, Any], nullable: bool) -> dict[str, Any]:
    return {"name": name, "type": kind, "nullable": nullable, "metadata": {}}
