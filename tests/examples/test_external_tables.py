"""The SQL for Athena and Trino: each statement parses, and the views select exactly the current rows.

DuckDB runs the views in place of both engines, over the same files.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy
import pytest
import sqlglot

from examples.external_tables import ATHENA, TRINO, script
from tests.places import ROOT
from tests.written_publication import WIDTH, WrittenBucket, orchard, photo
from verger_reader import PublicationError, open_publication

engines = pytest.mark.parametrize("engine", [ATHENA, TRINO])


@pytest.fixture
def bucket(tmp_path: Path) -> WrittenBucket:
    """Three publications: coordinates in several tables, deleted rows, and a photo that was changed twice."""
    written = orchard(tmp_path / "bucket")
    removed = [("images/柿/2.jpg", "007"), ("images/柿/new.jpg", "2026-01-02")]
    written.publish("it's", [photo("images/柿/3.jpg", "third", numpy.ones(WIDTH))], removed)
    return written


@engines
def test_each_statement_parses_and_creates_what_it_should(engine: str, bucket: WrittenBucket) -> None:
    text = script(open_publication(bucket.root), "s3://my-tables/verger", engine, "verger")
    statements = [part.strip() for part in text.removesuffix(";").split(";\n")]
    assert len(statements) == 8
    created = []
    for statement in statements:
        # sqlglot parses neither CALL, nor more than one partition of a statement.
        head, *partitions = statement.splitlines() if statement.startswith("ALTER") else [statement]
        for part in [f"{head} {partition}" for partition in partitions] or [head]:
            found = sqlglot.parse_one(part, dialect=engine)
            expected = sqlglot.exp.Alter if partitions else sqlglot.exp.Create
            assert isinstance(found, expected) or part.startswith("CALL system.sync_partition_metadata('verger', ")
            created += [str(found.find(sqlglot.exp.Table))] if isinstance(found, sqlglot.exp.Create) else []
    tables = ["verger_features", "verger_pca", "verger_deletes"]
    assert created == [*tables, "verger_current_features", "verger_current_pca"]
    location = f"{bucket.root}/features/run=007/"
    assert (location in text) == (engine == ATHENA)


@engines
def test_the_views_select_exactly_the_current_rows(engine: str, bucket: WrittenBucket, tmp_path: Path) -> None:
    published = open_publication(bucket.root)
    folder = tmp_path / f"deletes/snapshot={published.run}"
    folder.mkdir(parents=True)
    shutil.copy(bucket.folder / f"runs/{published.run}/deletes.parquet", folder)
    text = script(published, tmp_path.as_uri(), engine, "verger")
    views = text[text.index("CREATE OR REPLACE VIEW") :]
    with duckdb.connect() as connection:
        for name, files, column in (
            ("features", bucket.folder / "features", "run"),
            ("pca", bucket.folder / "pca", "run"),
            ("deletes", tmp_path / "deletes", "snapshot"),
        ):
            types = f"hive_partitioning = true, hive_types = {{{column}: VARCHAR}}"
            # The tables of DuckDB have every folder, also those that the publication does not name.
            connection.execute(f"CREATE VIEW verger_{name} AS FROM read_parquet('{files}/*/*.parquet', {types})")
        connection.execute(sqlglot.transpile(views, read=engine, write="duckdb")[0])
        connection.execute(sqlglot.transpile(views, read=engine, write="duckdb")[1])
        for name, expected in (("features", published.features()), ("pca", published.pca())):
            found = connection.sql(f"FROM verger_current_{name}").to_arrow_table()
            assert found.schema.names == expected.schema.names
            assert sorted(found.to_pylist(), key=str) == sorted(expected.to_pylist(), key=str)
            assert found.num_rows == 5


def test_nothing_published_is_an_error(bucket: WrittenBucket) -> None:
    bucket.unpublish()
    with pytest.raises(PublicationError, match="expected a publication of this Verger, found none"):
        script(open_publication(bucket.root), "s3://my-tables", ATHENA, "verger")


def test_the_program_prints_the_command_and_the_sql(bucket: WrittenBucket) -> None:
    program = ROOT / "examples/external_tables.py"
    command = [sys.executable, str(program), bucket.root, "s3://my-tables/verger/"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shlex.split(printed.partition("\n")[0]) == [
        *("--", "aws", "s3", "cp", f"{bucket.root}/runs/it's/deletes.parquet"),
        "s3://my-tables/verger/deletes/snapshot=it's/deletes.parquet",
    ]
    assert "CREATE EXTERNAL TABLE IF NOT EXISTS verger_features" in printed
