"""Print the SQL by which Athena or Trino reads the current rows of a publication. An example for consumers.

    python examples/external_tables.py s3://my-bucket s3://my-tables/verger > tables.sql
    python examples/external_tables.py s3://my-bucket s3://my-tables/verger --engine trino > tables.sql

The statements create external tables over the published Parquet, without a copy, and two views of their current rows:
`verger_current_features` and `verger_current_pca`. The views hold the runs of one publication: print and run the SQL
again after each publication, in the schema of your choice. The first line is a command that copies the table of
deleted rows into a folder of its own: an external table needs a folder in which all files have the same columns.

It needs `verger_reader.py` beside it or on PYTHONPATH, and pyarrow and numpy.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1]))  # verger_reader.py, one folder above
import verger_reader

ATHENA, TRINO = "athena", "trino"

TRINO_TYPES = {"string": "varchar", "array<float>": "array(real)", "array<double>": "array(double)"}


@dataclass(frozen=True)
class Table:
    """An external table: its name, its columns as in `verger_reader.SPARK_SCHEMAS`, and its partitions.

    `partition` names the column of the partitions, whose values are in the names of the folders under `location`.
    """

    name: str
    columns: str
    partition: str
    location: str
    partitions: Sequence[str]

    def statements(self, engine: str, schema: str) -> list[str]:
        """Return the statements that create the table and add its partitions."""
        if engine == ATHENA:
            folders = "\n".join(
                f"  PARTITION ({self.partition} = {quoted(value)}) "
                f"LOCATION {quoted(f'{self.location}/{self.partition}={value}/')}"
                for value in self.partitions
            )
            return [
                f"CREATE EXTERNAL TABLE IF NOT EXISTS {self.name} ({self.columns})\nPARTITIONED BY "
                f"({self.partition} string) STORED AS PARQUET LOCATION {quoted(f'{self.location}/')}",
                f"ALTER TABLE {self.name} ADD IF NOT EXISTS\n{folders}",
            ]
        pairs = (column.split() for column in self.columns.split(", "))
        columns = ", ".join(f"{name} {TRINO_TYPES[kind]}" for name, kind in pairs)
        return [
            f"CREATE TABLE IF NOT EXISTS {self.name} ({columns}, {self.partition} varchar)\nWITH (external_location = "
            f"{quoted(self.location)}, format = 'PARQUET', partitioned_by = ARRAY[{quoted(self.partition)}])",
            f"CALL system.sync_partition_metadata({quoted(schema)}, {quoted(self.name)}, 'ADD')",
        ]


def quoted(text: str) -> str:
    """Return a string of SQL."""
    return "'" + text.replace("'", "''") + "'"


def script(published: verger_reader.Publication, tables: str, engine: str, schema: str) -> str:
    """Return the command and the statements for a publication.

    Parameters
    ----------
    published : verger_reader.Publication
    tables : str
        URI of the folder of the copies of deletes.parquet.
    engine : str
        ATHENA or TRINO.
    schema : str
        The schema of the tables. Only Trino's procedure names it.

    Raises
    ------
    verger_reader.PublicationError
        Nothing is published, or an earlier Verger wrote the coordinates.
    """
    facts, root = published.facts, published.location.root
    if not published.run or any(entry["features"] is None for entry in facts["pca"]):
        raise verger_reader.PublicationError(f"{root}: expected a publication of this Verger, found none: run the DAG")
    features = [entry["run"] for entry in facts["features"]]
    columns = verger_reader.SPARK_SCHEMAS
    external = [
        Table("verger_features", columns["features"], "run", f"{root}/features", features),
        Table("verger_pca", columns["pca"], "run", f"{root}/pca", [entry["run"] for entry in facts["pca"]]),
        Table("verger_deletes", columns["deletes"], "snapshot", f"{tables}/deletes", [published.run]),
    ]
    deletes = verger_reader.DELETES.format(published.run)
    target = f"{tables}/deletes/snapshot={published.run}/deletes.parquet"
    copy = f"-- aws s3 cp {shlex.quote(f'{root}/{deletes}')} {shlex.quote(target)}"
    statements = [statement for table in external for statement in table.statements(engine, schema)]
    return ";\n\n".join([f"{copy}\n{statements[0]}", *statements[1:], *_views(facts, published.run)]) + ";"


def _views(facts: Mapping[str, Any], run: str) -> list[str]:
    """Return the statements that create the views of the current rows."""
    features = f"t.run IN ({_list(entry['run'] for entry in facts['features'])})"
    pca = " OR ".join(
        f"(t.run = {quoted(entry['run'])} AND t.features_run IN ({_list(entry['features'])}))" for entry in facts["pca"]
    )
    return [
        f"CREATE OR REPLACE VIEW verger_current_{name} AS\nSELECT {columns}\nFROM verger_{name} t\nLEFT JOIN "
        f"verger_deletes d ON d.snapshot = {quoted(run)} AND d.path = t.path AND d.run = t.{key}\n"
        f"WHERE d.path IS NULL AND ({current})"
        for name, columns, key, current in (
            ("features", "t.path, t.label, t.etag, t.features", "run", features),
            ("pca", "t.path, t.label, t.pca_features", "features_run", pca),
        )
    ]


def _list(values: Iterable[str]) -> str:
    return ", ".join(map(quoted, values))


def main() -> None:
    """Print the SQL of the command line's publication."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("root", help="the bucket, s3://bucket")
    parser.add_argument("tables", help="a folder for copies of deletes.parquet, s3://bucket/folder")
    parser.add_argument("--engine", choices=(ATHENA, TRINO), default=ATHENA, help=f"default: {ATHENA}")
    parser.add_argument("--schema", default="verger", help="the schema in which you run the SQL; default: verger")
    given = parser.parse_args()
    try:
        published = verger_reader.open_publication(given.root)
        print(script(published, given.tables.rstrip("/"), given.engine, given.schema))
    except verger_reader.PublicationError as error:
        sys.exit(f"external_tables: {error}")


if __name__ == "__main__":
    main()
