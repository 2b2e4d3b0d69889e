"""Divides tables into parts, each with its cost in bytes."""

from __future__ import annotations

from collections.abc import Mapping

from verger_verify.tables import files as tables
from verger_verify.tables.files import File, Table, between
from verger_verify.tables.found import Kind, Part

ROWS_PER_PART = 1_000_000
"""Rows of a large table of paths that one part has: a few seconds of a core."""

BYTES_PER_ROW = 100
"""Cost of a row of paths, in bytes of features that take as long."""

BYTES_PER_REMOVED_ROW = 2_000_000
"""A removed row costs at most the row group in which it lies."""

Costed = tuple[Part, int]


def whole(kind: Kind, table: Table, run: str = "") -> list[Costed]:
    """Return a part for each file of a table. `run` is its feature run, or the name of a table of coordinates."""
    return [(Part(kind, file, run), file.size) for file in table.files]


def groups_of(kind: Kind, uri: str) -> list[Costed]:
    """Return the parts of a single Parquet file: ranges of row groups.

    Raises
    ------
    VergerError
        It does not exist.
    UnreadableFile
        It is no Parquet.
    """
    with tables.opened(uri) as source:
        metadata = source.metadata
        rows = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    per_part = max(1, ROWS_PER_PART // max([1, *rows]))
    ranges = [tuple(range(start, min(start + per_part, len(rows)))) for start in range(0, len(rows), per_part)]
    return [
        (Part(kind, File(uri, 0, 0), groups=numbers), BYTES_PER_ROW * sum(rows[number] for number in numbers))
        for numbers in ranges
    ]


def removed(runs: Mapping[str, Table], paths: Mapping[str, list[str]]) -> list[Costed]:
    """Return the files of feature runs that may have rows which the run deletes, by the paths in their file lists.

    Parameters
    ----------
    runs : mapping of str to Table
    paths : mapping of str to list of str
        The sorted paths of the deleted rows, by feature run.
    """
    found = []
    for run, wanted in paths.items():
        files = [file for file in runs[run].files if between(wanted, file.first, file.last)] if run in runs else []
        most = BYTES_PER_REMOVED_ROW * len(wanted)
        found += [(Part(Kind.REMOVED, file, run), min(file.size, most // len(files) + 1)) for file in files]
    return found
