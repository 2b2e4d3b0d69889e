"""The queries of docs/reader.md read the same rows as verger_reader.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy
import polars
import pyarrow
import pytest

from tests.docs.queries import by_duckdb, by_polars
from tests.written_publication import ATTEMPT, WIDTH, WrittenBucket, orchard, photo
from verger_reader import TableName, open_publication

Way = Callable[[str, str], pyarrow.Table]
both = pytest.mark.parametrize("way", [by_duckdb, by_polars])
TABLES: tuple[TableName, ...] = ("features", "pca")


@both
@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("project", [(), ("007",), ("007", "2026-01-02")])
def test_exactly_the_current_rows_are_read(way: Way, name: TableName, project: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / "a folder é"
    bucket = orchard(folder)
    removed = [("images/柿/2.jpg", "007"), ("images/柿/new.jpg", "2026-01-02")]
    bucket.publish("1e3", [photo("images/柿/3.jpg", "third", numpy.ones(WIDTH))], removed, project)
    published = open_publication(bucket.root)
    expected = published.features() if name == "features" else published.pca()
    assert rows(way(str(folder), name)) == rows(expected)
    assert len(rows(expected)) == len(bucket.current) == 5


@both
def test_the_first_publication_has_no_deleted_rows(way: Way, tmp_path: Path) -> None:
    bucket = WrittenBucket(tmp_path)
    bucket.publish("007", [photo(f"images/柿/{number}.jpg", "e", numpy.ones(WIDTH) * number) for number in range(3)])
    assert rows(way(str(tmp_path), "pca")) == rows(open_publication(bucket.root).pca())


@both
def test_a_table_of_an_earlier_verger_is_an_error(way: Way, tmp_path: Path) -> None:
    bucket = orchard(tmp_path, WrittenBucket(tmp_path, version=3))
    bucket.version = 4
    bucket.unpublish()
    document = bucket.published or {}
    bucket.roll_back(document["history"][0])
    assert open_publication(bucket.root).pca().num_rows == 6
    with pytest.raises((duckdb.BinderException, polars.exceptions.ColumnNotFoundError), match="features_run"):
        way(str(tmp_path), "pca")


@both
def test_a_missing_table_is_an_error(way: Way, tmp_path: Path) -> None:
    bucket = orchard(tmp_path)
    (bucket.folder / f"pca/run=007~{ATTEMPT}/part-0.parquet").unlink()
    with pytest.raises((duckdb.IOException, polars.exceptions.ComputeError), match=r"/pca/run=007"):
        way(str(tmp_path), "pca")


def rows(table: pyarrow.Table) -> list[dict[str, object]]:
    """Return the rows by path, and check that the columns are those of the reader."""
    assert table.schema.names in (["path", "label", "etag", "features"], ["path", "label", "pca_features"])
    return sorted(table.to_pylist(), key=lambda row: str(row["path"]))
