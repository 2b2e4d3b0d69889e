"""check_projections finds every kind of defect in the tables of step 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
import pytest

from tests.spark_jobs.verify.written_run import (
    SAMPLES,
    Defect,
    WrittenRun,
    cluster,
    correct_run,
    plan,
    uri,
    write_basis,
    write_list,
)
from verger_contract.check import Check
from verger_contract.errors import VergerError
from verger_contract.keys import Run
from verger_contract.metrics import FILE_LIST, ListedFile, list_document
from verger_contract.photos import digest
from verger_contract.plan import StepPlan
from verger_contract.schemas import DELETES, PCA
from verger_verify import basis as bases
from verger_verify.coordinates import Written, verify
from verger_verify.features import Verified
from verger_verify.spread import Measured, Spread

PROJECTED = "projections are features times basis"
RUNS = "feature runs of the manifest"


def written_of(written: WrittenRun, folder: Path, made: StepPlan, basis: str = "run-1", target: float = 0.9) -> Written:
    at = uri(folder, Run("", basis).basis)
    return Written(
        plan=made,
        pca=uri(folder, written.run.pca),
        basis=at,
        is_kept=basis != written.run.id,
        saved=bases.read(at),
        target=target,
        measured=None,
    )


def check(written: WrittenRun, folder: Path, target: float = 0.9, basis: str = "run-1", **of_plan: Any) -> list[Check]:
    written.write(folder)
    return verify(
        cluster(), written_of(written, folder, plan(folder, written, **of_plan), basis, target), SAMPLES, None
    ).checks


def failed(written: WrittenRun, folder: Path, **how: Any) -> dict[str, Check]:
    return {row.name: row for row in check(written, folder, **how) if not row.passed}


def test_a_correct_run_passes_every_check(tmp_path: Path) -> None:
    written = correct_run()
    checks = {row.name: row for row in check(written, tmp_path)}
    assert {name for name, row in checks.items() if not row.passed} == set()
    assert len(checks) == 12
    assert f"{written.k} numbers per photo" in checks
    assert checks["explained variance"].found == f"{written.explained.sum():.4%} with k = {written.k}"
    measured = checks["explained variance"].counted
    assert (measured["k"], measured["target_variance"]) == (written.k, 0.9)
    assert measured["explained_variance"] == pytest.approx(written.explained.sum())
    assert checks[f"{written.k} numbers per photo"].counted == {"rows": 118}
    assert checks[PROJECTED].found.endswith("of 118 photos")


def missing(written: WrittenRun) -> None:
    written.pca.pop()


def repeated(written: WrittenRun) -> None:
    written.pca.append(written.pca[0])


def reject_projected(written: WrittenRun) -> None:
    written.pca.append({**written.pca[0], "path": written.rejects[0]["path"], "label": "Apple"})


def not_a_number(written: WrittenRun) -> None:
    # The last row by path hash is in no sample of 100.
    written.pca[0]["pca_features"] = numpy.full(written.k, numpy.nan)


def wide(written: WrittenRun) -> None:
    written.pca[0]["pca_features"] = numpy.append(written.pca[0]["pca_features"], 0.0)


def wrong_label(written: WrittenRun) -> None:
    written.pca[0]["label"] = "Medlar"


def wrong_feature_run(written: WrittenRun) -> None:
    for row, other in zip(written.pca[:2], ("run-0", "run-1"), strict=True):
        row["features_run"] = other


def shuffled(written: WrittenRun) -> None:
    vectors = [row["pca_features"] for row in written.pca]
    order = numpy.random.default_rng(1).permutation(len(vectors))
    for row, other in zip(written.pca, order, strict=True):
        row["pca_features"] = vectors[other]


def centred(written: WrittenRun) -> None:
    """Projections of centred features: another definition of the projection."""
    mean = numpy.mean([row["pca_features"] for row in written.pca], axis=0)
    for row in written.pca:
        row["pca_features"] = row["pca_features"] - mean


def component_lost(written: WrittenRun) -> None:
    for row in written.pca:
        row["pca_features"] = row["pca_features"] * numpy.append(numpy.zeros(1), numpy.ones(written.k - 1))


def boast(written: WrittenRun) -> None:
    """A basis that stores a larger explained variance than the measured one."""
    written.explained = written.explained * 1.05


@pytest.mark.parametrize(
    ("defect", "names"),
    [
        (missing, {"one row per photo", RUNS, "explained variance", PROJECTED}),
        (repeated, {"one row per photo", "no path twice", RUNS, "explained variance", PROJECTED}),
        (reject_projected, {"one row per photo", RUNS, "explained variance", PROJECTED}),
        (not_a_number, {"every number finite", "explained variance", PROJECTED}),
        (wide, {"{k} numbers per photo", "explained variance", PROJECTED}),
        (wrong_label, {"labels equal folders"}),
        (wrong_feature_run, {RUNS}),
        (shuffled, {PROJECTED, "neighbours share labels"}),
        (centred, {PROJECTED}),
        (component_lost, {PROJECTED, "explained variance"}),
        (boast, {"explained variance"}),
    ],
)
def test_a_defect_fails_its_checks(defect: Defect, names: set[str], tmp_path: Path) -> None:
    written = correct_run()
    defect(written)
    assert set(failed(written, tmp_path)) == {name.format(k=written.k) for name in names}


def test_a_target_not_reached_fails(tmp_path: Path) -> None:
    assert set(failed(correct_run(), tmp_path, target=0.99)) == {"explained variance"}


def test_a_missing_basis_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VergerError, match=r"models/pca/run=run-2/: expected the basis of step 2, found none"):
        check(correct_run(), tmp_path, basis="run-2")


def split(written: WrittenRun) -> None:
    """Half of the features come from an earlier run, which also has deleted rows."""
    half = len(written.features) // 2
    deleted = {**written.features[0], "path": "images/Test/Apple/deleted.jpg"}
    before = {**written.features[-1], "etag": "of the version before"}
    written.earlier, written.features = [*written.features[:half], deleted, before], written.features[half:]
    written.deletes = [{"path": row["path"], "run": "run-0"} for row in (deleted, before)]
    written.kept = frozenset(row["path"] for row in written.earlier[:-2])
    for row in written.pca:
        row["features_run"] = "run-0" if row["path"] in written.kept else "run-1"


def test_features_of_an_earlier_run_count_without_deleted_rows(tmp_path: Path) -> None:
    written = correct_run()
    split(written)
    assert failed(written, tmp_path) == {}


@pytest.mark.parametrize("not_deleted", [0, 1])
def test_a_row_that_should_be_deleted_fails_its_checks(not_deleted: int, tmp_path: Path) -> None:
    written = correct_run()
    split(written)
    del written.deletes[not_deleted]
    found = failed(written, tmp_path)
    assert "etags of the inventory" in found
    assert found["etags of the inventory"].detail == repr(written.earlier[-2:][not_deleted]["path"])


def lies_elsewhere(written: WrittenRun, folder: Path) -> None:
    """The basis is that of run-0, which was fitted to other photos, so it stores another share."""
    write_basis(folder / Run("", "run-0").basis, written.components, written.explained * 0.99)


def test_a_kept_basis_need_not_explain_the_share_that_it_stores(tmp_path: Path) -> None:
    written = correct_run()
    lies_elsewhere(written, tmp_path)
    assert failed(written, tmp_path, basis="run-0") == {}


def test_a_kept_basis_must_explain_the_target_unless_it_is_reused_by_request(tmp_path: Path) -> None:
    written = correct_run()
    lies_elsewhere(written, tmp_path / "auto")
    lies_elsewhere(written, tmp_path / "reuse")
    assert set(failed(written, tmp_path / "auto", basis="run-0", target=0.99)) == {"explained variance"}
    assert failed(written, tmp_path / "reuse", basis="run-0", target=0.99, policy="reuse") == {}


def test_one_photo_on_a_reused_basis_has_no_variance_and_passes(tmp_path: Path) -> None:
    written = correct_run()
    path = written.features[0]["path"]
    written.inventory = [row for row in written.inventory if row["path"] == path]
    written.pca = [row for row in written.pca if row["path"] == path]
    written.features, written.rejects = written.features[:1], []
    lies_elsewhere(written, tmp_path)
    checks = {row.name: row for row in check(written, tmp_path, basis="run-0", policy="reuse")}
    assert all(row.passed for row in checks.values())
    assert checks["explained variance"].counted["explained_variance"] is None


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


def test_one_wrong_row_among_all_is_found_by_the_signed_sums(tmp_path: Path) -> None:
    """The sample has 100 photos; the wrong one is not among them."""
    written = correct_run()
    in_sample = {row["path"] for row in sorted(written.pca, key=lambda row: digest(row["path"]))[:100]}
    row = next(row for row in written.pca if row["path"] not in in_sample)
    row["pca_features"] = row["pca_features"] * (1 + 1e-3)
    assert PROJECTED in failed(written, tmp_path)
