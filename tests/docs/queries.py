"""The ways of docs/reader.md to read the current rows without verger_reader.py: DuckDB and polars."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pyarrow
from fsspec.implementations.arrow import ArrowFSWrapper  # type: ignore[import-untyped]

from tests.places import ROOT
from verger_reader import Publication, open_publication

DOCUMENTED_ROOT = "s3://my-bucket"

_PAGE = (ROOT / "docs/reader.md").read_text().partition("## Without verger_reader.py")[2]


class S3(ArrowFSWrapper):  # type: ignore[misc]
    """Access of DuckDB to S3 in place of its extension httpfs, which is no part of the package."""

    protocol = "s3"


def by_duckdb(root: str, table: str) -> pyarrow.Table:
    """Read the table features or pca with the documented query.

    Parameters
    ----------
    root : str
        The path of a folder, or the URI of a bucket that the environment has access to.
    table : str
    """
    with duckdb.connect() as connection:
        if root.startswith("s3://"):
            connection.register_filesystem(S3(open_publication(root).location.filesystem))
        preparation, *queries = re.split(r"^-- (\w+)$", _block("sql", root), flags=re.MULTILINE)
        connection.execute(preparation)
        return connection.sql(dict(zip(queries[::2], queries[1::2], strict=True))[table]).to_arrow_table()


def by_polars(root: str, table: str) -> pyarrow.Table:
    """Read the table features or pca with the documented expression."""
    names: dict[str, Any] = {}
    exec(_block("python", root), names)  # noqa: S102
    return names[table].collect().to_arrow()


def check_same_rows(published: Publication) -> None:
    """Check that the query and the expression read exactly the rows that the reader reads."""
    for name, expected in (("features", published.features()), ("pca", published.pca())):
        for query in (by_duckdb, by_polars):
            assert by_path(query(published.location.root, name)) == by_path(expected), query


def by_path(table: pyarrow.Table) -> list[dict[str, object]]:
    """Return the rows of a table, by path."""
    return sorted(table.to_pylist(), key=lambda row: str(row["path"]))


def _block(language: str, root: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", _PAGE, re.DOTALL)
    assert found, f"docs/reader.md: expected an example in {language}"
    assert found[1].count(DOCUMENTED_ROOT) == 1
    return found[1].replace(DOCUMENTED_ROOT, root)
