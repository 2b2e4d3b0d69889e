"""The schemas of the tables, for Spark and for pyarrow."""

from __future__ import annotations

import pyarrow as pa
import pytest

from verger_contract import schemas
from verger_contract.schemas import Table

TABLES = {name: table for name, table in vars(schemas).items() if isinstance(table, Table)}


@pytest.mark.parametrize("name", TABLES)
def test_both_schemas_have_the_columns_in_order(name: str) -> None:
    table = TABLES[name]
    assert tuple(table.arrow.names) == table.names == tuple(column.split()[0] for column in table.ddl.split(", "))


def test_types() -> None:
    assert schemas.FEATURES.arrow.field("features").type == pa.list_(pa.float32())
    assert schemas.PCA.arrow.field("pca_features").type == pa.list_(pa.float64())
    assert schemas.INVENTORY.arrow.field("size").type == pa.int64()
    assert schemas.DRIFT.arrow.field("ratio").type == pa.float64()
    assert schemas.REJECTS.ddl == "path string, etag string, kind string, reason string"
