"""An update is verified like all rows, and a defect in an earlier run is found when all rows are verified."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
import pytest

from tests.spark_jobs.verify.test_coordinates import PROJECTED, check, lies_elsewhere, split, written_of
from tests.spark_jobs.verify.written_run import (
    SAMPLES,
    WrittenRun,
    cluster,
    correct_run,
    plan,
    uri,
    write_list,
)
from verger_contract.keys import Run
from verger_contract.metrics import FILE_LIST, ListedFile, list_document
from verger_contract.schemas import DELETES, PCA
from verger_verify.coordinates import Written, verify
from verger_verify.coordinates import _reader as reader_of
from verger_verify.features import Verified
from verger_verify.measures.spread import Measured, Spread
from verger_verify.tables import files, parts, work
from verger_verify.tables.found import Found, Kind
from verger_verify.tables.work import Cluster


def update(written: WrittenRun, folder: Path, *, measured: bool = True, is_all: bool = False) -> Written:
    """The run keeps the basis of run-0 and the coordinates of its table, and writes those of its new photos."""
    split(written)
    late = {row["path"] for row in written.features}
    before = [row for row in written.pca if row["path"] not in late]
    written.pca = [row for row in written.pca if row["path"] in late]
    lies_elsewhere(written, folder)
    written.write(folder)
    write_table(folder / Run("", "run-0").pca / "part-0.parquet", before)
    write_list(folder / Run("", "run-0").pca)
    _write_removed(folder, written)
    pca = uri(folder, Run("", "run-0").pca)
    made = plan(folder, written, basis="run-0")
    verification = replace(
        made.verification, all=is_all, coordinates={pca: len(before)}, coordinates_of={pca: ["run-0"]}
    )
    made = replace(made, statistics="of a test", verification=verification)
    matrix = numpy.stack([row["features"] for row in written.earlier]).astype(numpy.float64)
    spread, projected = Spread(), Spread()
    spread.add(matrix)
    projected.add(matrix @ written.components)
    of_run = written_of(written, folder, made, "run-0")
    return replace(of_run, measured=Measured("run-0", spread, projected) if measured else None)


def write_table(file: Path, rows: list[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=PCA.arrow), file)


def verified(of_run: Written) -> Verified:
    return verify(cluster(), of_run, SAMPLES, None)


@pytest.mark.parametrize(("measured", "is_all"), [(True, False), (False, False), (True, True)])
def test_an_update_is_measured_like_all_photos(measured: bool, is_all: bool, tmp_path: Path) -> None:
    """The earlier run measured its photos; without its result, all photos are measured again."""
    written, whole = correct_run(), correct_run()
    result = verified(update(written, tmp_path, measured=measured, is_all=is_all))
    assert [row.name for row in result.checks if not row.passed] == []
    of_all = {row.name: row for row in check(whole, tmp_path / "all")}["explained variance"].counted
    counted = {name: value for row in result.checks for name, value in row.counted.items()}
    found = Measured.parse(json.loads(json.dumps(result.measured)))
    assert counted["photos"] == of_all["photos"] == found.features.count
    assert counted["rows"] == len(written.features)
    assert counted["explained_variance"] == pytest.approx(of_all["explained_variance"], abs=1e-12)
    assert found.explained_variance == counted["explained_variance"]


def _write_removed(folder: Path, written: WrittenRun) -> None:
    table = pyarrow.Table.from_pylist(written.deletes, schema=DELETES.arrow)
    pyarrow.parquet.write_table(table, folder / written.run.removed)


def test_a_removed_row_that_is_not_subtracted_fails_the_explained_variance(tmp_path: Path) -> None:
    written = correct_run()
    of_run = update(written, tmp_path)
    written.deletes = written.deletes[:1]
    _write_removed(tmp_path, written)
    (failed_row,) = [row for row in verified(of_run).checks if not row.passed]
    assert failed_row.name == "explained variance"
    assert failed_row.detail == "118 photos; measured: features of 119, coordinates of 119"


def test_a_changed_table_of_an_earlier_run_fails_its_check(tmp_path: Path) -> None:
    written = correct_run()
    of_run = update(written, tmp_path)
    listed = [ListedFile("part-0.parquet", len(written.earlier), 5, "")]
    (tmp_path / Run("", "run-0").features / FILE_LIST).write_text(json.dumps(list_document(listed)))
    (failed_row,) = [row for row in verified(of_run).checks if not row.passed]
    assert failed_row.name == "tables of earlier runs"
    assert "features/run=run-0/part-0.parquet: expected 5 bytes, found" in failed_row.detail


def test_a_file_list_that_is_not_the_verified_one_fails(tmp_path: Path) -> None:
    of_run = update(correct_run(), tmp_path)
    (kept,) = of_run.plan.keep
    verification = replace(of_run.plan.verification, file_lists={kept: "ab" * 32})
    (failed_row,) = [
        row
        for row in verified(replace(of_run, plan=replace(of_run.plan, verification=verification))).checks
        if not row.passed
    ]
    assert "expected the file list that was verified" in failed_row.detail


def coordinates_exchanged(folder: Path) -> None:
    """Two photos of the earlier run have each other's coordinates."""
    file = folder / Run("", "run-0").pca / "part-0.parquet"
    rows = pyarrow.parquet.read_table(file).to_pylist()
    rows[0]["pca_features"], rows[1]["pca_features"] = rows[1]["pca_features"], rows[0]["pca_features"]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=PCA.arrow), file)
    write_list(file.parent)


def features_are_noise(folder: Path) -> None:
    """A photo of the earlier run has other features."""
    file = folder / Run("", "run-0").features / "part-0.parquet"
    table = pyarrow.parquet.read_table(file)
    rows = table.to_pylist()
    rows[0]["features"] = numpy.random.default_rng(3).normal(size=1280).tolist()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=table.schema), file)
    write_list(file.parent)


@pytest.mark.parametrize("defect", [coordinates_exchanged, features_are_noise])
def test_a_defect_in_an_earlier_run_is_found_when_all_rows_are_verified(
    defect: Callable[[Path], None], tmp_path: Path
) -> None:
    of_run = update(correct_run(), tmp_path, is_all=True)
    defect(tmp_path)
    assert PROJECTED in {row.name for row in verified(of_run).checks if not row.passed}


def in_groups(cluster: Cluster, parts: Any, read: Any, counter: Any) -> list[Any]:
    """Read each part as a Spark task of its own does: with pickled functions and results."""
    results = [pickle.loads(pickle.dumps(read))(part) for part, _ in reversed(parts)]  # noqa: S301
    return [pickle.loads(pickle.dumps(result)) for result in results]  # noqa: S301


def test_tasks_give_the_verdict_of_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_run = update(correct_run(), tmp_path, is_all=True)
    before = verified(of_run)
    monkeypatch.setattr("verger_verify.tables.work._results", in_groups)
    after = verified(of_run)
    assert [(row.name, row.passed, row.detail) for row in after.checks] == [
        (row.name, row.passed, row.detail) for row in before.checks
    ]
    found, expected = ({row.name: row for row in checks} for checks in (after.checks, before.checks))
    assert found["neighbours share labels"] == expected["neighbours share labels"]
    assert after.bytes == before.bytes


def earlier_in_files(folder: Path, number: int) -> list[str]:
    """Write the features of the earlier run as so many files of sorted rows; return the first path of each."""
    place = folder / Run("", "run-0").features
    table = pyarrow.parquet.read_table(place / "part-0.parquet").sort_by("path")
    size = -(-table.num_rows // number)
    firsts = []
    for part in range(number):
        rows = table.slice(part * size, size)
        pyarrow.parquet.write_table(rows, place / f"part-{part}.parquet")
        firsts.append(rows["path"][0].as_py())
    write_list(place)
    return firsts


def test_only_files_that_may_have_a_removed_row_are_read(tmp_path: Path) -> None:
    update(correct_run(), tmp_path)
    firsts = earlier_in_files(tmp_path, 5)
    run = files.table(uri(tmp_path, Run("", "run-0").features))
    paths = {"run-0": [firsts[1], firsts[4], "zz/after all.jpg"]}
    assert [part.file.first for part, _ in parts.removed({"run-0": run}, paths)] == [firsts[1], firsts[4]]


def test_a_file_list_without_paths_has_all_files_read(tmp_path: Path) -> None:
    """An earlier Verger wrote such lists."""
    update(correct_run(), tmp_path)
    earlier_in_files(tmp_path, 5)
    run = files.table(uri(tmp_path, Run("", "run-0").features))
    of_old = replace(run, files=tuple(replace(file, first=None, last=None) for file in run.files))
    assert len(parts.removed({"run-0": of_old}, {"run-0": ["zz/after all.jpg"]})) == 5


def test_a_file_list_with_other_paths_than_the_file_fails(tmp_path: Path) -> None:
    """A later run would not find the rows that it removes."""
    of_run = update(correct_run(), tmp_path)
    place = tmp_path / of_run.plan.new.removeprefix(f"file://{tmp_path}/") / FILE_LIST
    document = json.loads(place.read_text())
    document["files"][0]["last"] = document["files"][0]["first"]
    place.write_text(json.dumps(document))
    own = files.table(of_run.plan.new)
    read = work.over(cluster(), parts.whole(Kind.FEATURES, own, of_run.plan.new), reader_of(of_run, SAMPLES), Found())
    (problem,) = read.problems.values()
    assert problem.startswith(f"expected paths from {document['files'][0]['first']} to")
