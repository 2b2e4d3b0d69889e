"""Few rows of large feature runs: which files are opened, and what is read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from verger_contract.metrics import FILE_LIST
from verger_contract.schemas import DELETES, FEATURES_WIDTH
from verger_spark.io import table_file
from verger_spark.io.feature_files import FeatureFiles
from verger_spark.pca.removed_rows import RemovedRows

FILES, ROWS = 4, 10


def path(number: int) -> str:
    return f"images/Kiwi/é {number:03}.jpg"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The feature runs A and B, each with rows of the same paths in several files."""
    for run in ("A", "B"):
        at = f"{tmp_path.as_uri()}/features/run={run}"
        written = []
        for number in range(FILES):
            rows = [(path(row), "Kiwi", run) for row in range(number * ROWS, (number + 1) * ROWS)]
            vectors = [np.full(FEATURES_WIDTH, row + (run == "B") / 2, np.float32) for row in range(len(rows))]
            written.append(table_file.write(at, number, table_file.features(rows, vectors)))
        table_file.mark_complete(at, written)
    return tmp_path


def removed(folder: Path, rows: list[tuple[str, str]]) -> RemovedRows:
    table = {"path": [row for row, _ in rows], "run": [run for _, run in rows]}
    name = folder / f"removed-{len(rows)}.parquet"
    pq.write_table(pa.table(table, schema=DELETES.arrow), name)
    return RemovedRows(name.as_uri())


def files(folder: Path, *runs: str) -> FeatureFiles:
    return FeatureFiles.of([f"{folder.as_uri()}/features/run={run}" for run in runs])


def test_the_file_list_has_the_smallest_and_the_largest_path(folder: Path) -> None:
    found = [(file.first, file.last) for file in files(folder, "A").files]
    assert found == [(path(ROWS * number), path(ROWS * number + ROWS - 1)) for number in range(FILES)]


def test_only_files_with_such_a_path_are_opened(folder: Path) -> None:
    source = removed(folder, [(path(3), "A"), (path(38), "A"), (path(11), "B"), (path(12), "B")])
    opened = source.in_files(files(folder, "A", "B").files)
    assert [(file.run, file.uri[-5 - len(".parquet") :]) for file in opened] == [
        ("A", "00000.parquet"),
        ("A", "00003.parquet"),
        ("B", "00001.parquet"),
    ]


def test_rows_that_are_read_once_are_those_of_each_pass(folder: Path) -> None:
    source = removed(folder, [(path(3), "A"), (path(38), "A"), (path(11), "B"), (path(12), "B"), ("absent", "B")])
    chosen = source.in_files(files(folder, "A", "B").files)
    passes = [pa.Table.from_batches(rows.batches(chosen)) for rows in (source, source.read(chosen))]
    assert passes[0] == passes[1]
    assert passes[0]["path"].to_pylist() == [path(3), path(38), path(11), path(12)]
    assert [vector[0] for vector in passes[0]["features"].to_pylist()] == [3, 8, 1.5, 2.5]


def test_files_of_an_earlier_verger_are_all_opened(folder: Path) -> None:
    """Their file lists have no paths."""
    for listed in folder.glob(f"features/*/{FILE_LIST}"):
        content = json.loads(listed.read_text())
        for file in content["files"]:
            del file["first"], file["last"]
        listed.write_text(json.dumps(content))
    source = removed(folder, [(path(3), "A")])
    chosen = source.in_files(files(folder, "A", "B").files)
    assert [file.run for file in chosen] == ["A"] * FILES
    assert pa.Table.from_batches(source.read(chosen).batches(chosen))["path"].to_pylist() == [path(3)]
