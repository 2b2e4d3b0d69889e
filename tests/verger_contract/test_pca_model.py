"""The Parquet layout of PCAModel. tests/spark_jobs/test_pca.py compares it with Spark's own files."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from verger_contract import pca_model

VALUES = np.arange(15, dtype=np.float64).reshape(5, 3)


def test_a_written_model_is_decoded_bit_for_bit() -> None:
    table = pca_model.table(VALUES, np.array([0.5, 0.3, 0.1]), "4.1.1")
    np.testing.assert_array_equal(pca_model.components(table["pc"][0]), VALUES)
    np.testing.assert_array_equal(pca_model.explained_variance_ratio(table["explainedVariance"][0]), [0.5, 0.3, 0.1])


def test_a_transposed_matrix_is_stored_by_rows() -> None:
    matrix = {"numRows": 5, "numCols": 3, "values": VALUES.ravel().tolist(), "isTransposed": True}
    np.testing.assert_array_equal(pca_model.components(pa.scalar(matrix)), VALUES)


@pytest.mark.parametrize(
    "value",
    [{"numRows": 5}, {"numRows": 5, "numCols": 3, "values": [1.0], "isTransposed": False}, "text"],
    ids=["fields missing", "values missing", "no struct"],
)
def test_other_values_are_an_error(value: object) -> None:
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        pca_model.components(pa.scalar(value))
