"""check_projections finds every kind of defect in the tables of step 2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
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
)
from verger_contract.errors import VergerError
from verger_contract.keys import Run
from verger_contract.photos import digest
from verger_contract.plan import StepPlan
from verger_contract.verification.check import Check
from verger_verify import basis as bases
from verger_verify.coordinates import Written, verify

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


def test_one_wrong_row_among_all_is_found_by_the_signed_sums(tmp_path: Path) -> None:
    """The sample has 100 photos; the wrong one is not among them."""
    written = correct_run()
    in_sample = {row["path"] for row in sorted(written.pca, key=lambda row: digest(row["path"]))[:100]}
    row = next(row for row in written.pca if row["path"] not in in_sample)
    row["pca_features"] = row["pca_features"] * (1 + 1e-3)
    assert PROJECTED in failed(written, tmp_path)
