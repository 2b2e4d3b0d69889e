"""check_projections finds every kind of defect in the tables of step 2."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
import pytest

from tests.plugins.validation.written_run import Defect, WrittenRun, correct_run, plan, write_basis
from verger.changes.plan import Plan
from verger.changes.rewrites.coordinates import Coordinates as Kept
from verger.publication.model import FeatureRun, PcaRun
from verger.settings import Validation
from verger.validation.basis import read as read_basis
from verger.validation.check import Check, ValidationError
from verger.validation.projections import Coordinates, check_projections
from verger.validation.spread import Measured, Spread
from verger_contract.keys import Run
from verger_contract.metrics import FILE_LIST, ListedFile, list_document
from verger_contract.schemas import DELETES

LIMITS = Validation(neighbour_sample=100)
PROJECTED = "projections are features times basis"
RUNS = "feature runs of the manifest"


def check(written: WrittenRun, folder: Path, target: float = 0.9, basis: str = "run-1", **of_plan: Any) -> list[Check]:
    store, run = written.write(folder)
    keep = [FeatureRun(run="run-0", rows=len(written.earlier), current_rows=1)] if written.earlier else []
    saved = read_basis(store, Run(run.bucket, basis).basis)
    of_run = Coordinates(
        store=store, run=run, plan=plan(*keep, **of_plan), limits=LIMITS, basis_run=basis, saved=saved, measured=None
    )
    return check_projections(of_run, target)[0]


def failed(written: WrittenRun, folder: Path, **how: Any) -> dict[str, Check]:
    return {row.name: row for row in check(written, folder, **how) if not row.passed}


def test_a_correct_run_passes_every_check(tmp_path: Path) -> None:
    written = correct_run()
    checks = {row.name: row for row in check(written, tmp_path)}
    assert {name for name, row in checks.items() if not row.passed} == set()
    assert len(checks) == 11
    assert f"{written.k} numbers per photo" in checks
    assert checks["explained variance"].found == f"{written.explained.sum():.4%} with k = {written.k}"
    measured = checks["explained variance"].counted
    assert (measured["k"], measured["target_variance"]) == (written.k, 0.9)
    assert measured["explained_variance"] == pytest.approx(written.explained.sum())
    assert checks[f"{written.k} numbers per photo"].counted == {"rows": 118}
    assert checks[PROJECTED].found.endswith("of 100 photos")


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
        (missing, {"one row per photo", RUNS, "explained variance"}),
        (repeated, {"one row per photo", "no path twice", RUNS, "explained variance"}),
        (reject_projected, {"one row per photo", RUNS, "explained variance"}),
        (not_a_number, {"every number finite", "explained variance"}),
        (wide, {"{k} numbers per photo", "explained variance"}),
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
    with pytest.raises(ValidationError, match=r"models/pca/run=run-2/: expected the basis of step 2, found none"):
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


def update(written: WrittenRun, folder: Path, *, measured: bool = True) -> tuple[Coordinates, Plan]:
    """The run keeps the basis of run-0 and the coordinates of its table, and writes those of its new photos."""
    split(written)
    lies_elsewhere(written, folder)
    store, run = written.write(folder)
    (folder / Run("", "run-0").pca).mkdir(parents=True)
    (folder / Run("", "run-0").pca / "part-0.parquet").touch()
    published = PcaRun(run="run-0", rows=len(written.earlier), features=("run-0",))
    kept = Kept(statistics="run-0", since_full_pass=1, keep=(published,), again=())
    made = replace(
        plan(FeatureRun(run="run-0", rows=len(written.earlier), current_rows=len(written.kept))), coordinates=kept
    )
    matrix = numpy.stack([row["features"] for row in written.earlier]).astype(numpy.float64)
    spread, projected = Spread(), Spread()
    spread.add(matrix)
    projected.add(matrix @ written.components)
    of_run = Coordinates(
        store=store,
        run=run,
        plan=made,
        limits=LIMITS,
        basis_run="run-0",
        saved=read_basis(store, Run(run.bucket, "run-0").basis),
        measured=Measured("run-0", spread, projected) if measured else None,
    )
    return of_run, made


@pytest.mark.parametrize("measured", [True, False])
def test_an_update_is_measured_like_all_photos(measured: bool, tmp_path: Path) -> None:
    """The earlier run measured its photos; without its result, all photos are measured again."""
    written, whole = correct_run(), correct_run()
    half = len(written.features) // 2
    late = {row["path"] for row in written.features[half:]}
    written.pca = [row for row in written.pca if row["path"] in late]
    of_run, _ = update(written, tmp_path, measured=measured)
    _write_removed(of_run, written)
    checks, found = check_projections(of_run, 0.9)
    assert [row.name for row in checks if not row.passed] == []
    of_all = {row.name: row for row in check(whole, tmp_path / "all")}["explained variance"].counted
    counted = {name: value for row in checks for name, value in row.counted.items()}
    assert counted["photos"] == of_all["photos"] == found.features.count
    assert counted["rows"] == len(late)
    assert counted["explained_variance"] == pytest.approx(of_all["explained_variance"], abs=1e-12)
    assert Measured.parse(json.loads(json.dumps(found.document()))).explained_variance == found.explained_variance


def _write_removed(of_run: Coordinates, written: WrittenRun) -> None:
    folder = Path(of_run.run.bucket)
    table = pyarrow.Table.from_pylist(written.deletes, schema=DELETES.arrow)
    pyarrow.parquet.write_table(table, folder / of_run.run.removed)


def test_a_removed_row_that_is_not_subtracted_fails_the_explained_variance(tmp_path: Path) -> None:
    written = correct_run()
    late = {row["path"] for row in written.features[len(written.features) // 2 :]}
    written.pca = [row for row in written.pca if row["path"] in late]
    of_run, _ = update(written, tmp_path)
    written.deletes = written.deletes[:1]
    _write_removed(of_run, written)
    (failed_row,) = [row for row in check_projections(of_run, 0.9)[0] if not row.passed]
    assert failed_row.name == "explained variance"
    assert failed_row.detail == "118 photos; measured: features of 119, coordinates of 119"


def test_a_changed_table_of_an_earlier_run_fails_its_check(tmp_path: Path) -> None:
    written = correct_run()
    late = {row["path"] for row in written.features[len(written.features) // 2 :]}
    written.pca = [row for row in written.pca if row["path"] in late]
    of_run, _ = update(written, tmp_path)
    _write_removed(of_run, written)
    listed = [ListedFile("part-0.parquet", len(written.earlier), 5, "")]
    (tmp_path / Run("", "run-0").features / FILE_LIST).write_text(json.dumps(list_document(listed)))
    failed_rows = [row for row in check_projections(of_run, 0.9)[0] if not row.passed]
    assert [row.name for row in failed_rows] == ["tables of earlier runs"]
    assert "features/run=run-0/: part-0.parquet: expected 5 bytes, found" in failed_rows[0].detail
