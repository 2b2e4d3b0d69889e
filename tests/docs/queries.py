"""The ways of docs/reader.md to read the current rows without verger_reader.py: DuckDB and polars."""

from __future__ import annotations

import re
from typing import Any

import duckdb
import pyarrow

from tests.places import ROOT

DOCUMENTED_ROOT = "s3://my-bucket"

_PAGE = (ROOT / "docs/reader.md").read_text().partition("## Without verger_reader.py")[2]


def by_duckdb(root: str, table: str, files: Any = None) -> pyarrow.Table:
    """Read the table features or pca with the documented query.

    Parameters
    ----------
    root : str
        The path of a folder, or the URI of a bucket.
    files : fsspec.AbstractFileSystem, optional
        Access to S3 in place of the extension httpfs, which is no part of the package.
    """
    with duckdb.connect() as connection:
        if files is not None:
            connection.register_filesystem(files)
        preparation, *queries = re.split(r"^-- (\w+)$", _block("sql", root), flags=re.MULTILINE)
        connection.execute(preparation)
        return connection.sql(dict(zip(queries[::2], queries[1::2], strict=True))[table]).to_arrow_table()


def by_polars(root: str, table: str) -> pyarrow.Table:
    """Read the table features or pca with the documented expression."""
    names: dict[str, Any] = {}
    exec(_block("python", root), names)  # noqa: S102
    return names[table].collect().to_arrow()


def _block(language: str, root: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", _PAGE, re.DOTALL)
    assert found, f"docs/reader.md: expected an example in {language}"
    assert found[1].count(DOCUMENTED_ROOT) == 1
    return found[1].replace(DOCUMENTED_ROOT, root)
