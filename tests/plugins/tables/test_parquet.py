"""Tables are read in memory that does not grow with the file."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from pyarrow.fs import LocalFileSystem

from verger.tables.parquet import Store, read_rows

GROUPS = 12
ROWS = 16_384


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 12 row groups with paths that do not compress: some 16 MB."""
    path = tmp_path_factory.mktemp("table") / "table.parquet"
    drawn = random.Random(0)
    with pyarrow.parquet.ParquetWriter(path, pyarrow.schema([("path", pyarrow.string())])) as writer:
        for _ in range(GROUPS):
            writer.write_table(pyarrow.table({"path": [drawn.randbytes(32).hex() for _ in range(ROWS)]}))
    return path


def most_memory(rows: Iterator[tuple[str]]) -> int:
    """The most bytes that Arrow holds while the rows are read."""
    before = pyarrow.total_allocated_bytes()
    held = [pyarrow.total_allocated_bytes() - before for _ in rows]
    assert len(held) == GROUPS * ROWS
    return int(max(held))


def test_a_table_on_s3_is_read_one_row_group_at_a_time(table: Path) -> None:
    rows = Store(LocalFileSystem(), str(table.parent)).rows(table.name, ["path"])
    assert most_memory(rows) < table.stat().st_size / 2


def test_a_table_on_disk_is_read_one_row_group_at_a_time(table: Path) -> None:
    assert most_memory(read_rows(table, ["path"])) < table.stat().st_size / 2
