"""check_projections finds each defect that the projections of a run, or its basis, can have."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from tests.plugins.validation.written_run import Defect, WrittenRun, right_run
from verger.settings import Validation
from verger.validation.check import Check, ValidationError
from verger.validation.projections import check_projections

LIMITS = Validation(neighbour_sample=100)
PROJECTED = "projections are features times basis"


def failed(written: WrittenRun, folder: Path, target: float = 0.9) -> dict[str, Check]:
    store, run = written.write(folder)
    return {check.name: check for check in check_projections(store, run, LIMITS, target) if not check.passed}


def test_a_right_run_passes_every_check(tmp_path: Path) -> None:
    written = right_run()
    store, run = written.write(tmp_path)
    checks = {check.name: check for check in check_projections(store, run, LIMITS, 0.9)}
    assert {name for name, check in checks.items() if not check.passed} == set()
    assert len(checks) == 8
    assert f"{written.k} numbers per photo" in checks
    assert checks["explained variance"].found == f"{written.explained.sum():.4%} with k = {written.k}"
    measured = checks["explained variance"].counted
    assert (measured["k"], measured["target_variance"]) == (written.k, 0.9)
    assert measured["explained_variance"] == pytest.approx(written.explained.sum())
    assert checks[f"{written.k} numbers per photo"].counted == {"photos": 118}
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


def shuffled(written: WrittenRun) -> None:
    vectors = [row["pca_features"] for row in written.pca]
    order = numpy.random.default_rng(1).permutation(len(vectors))
    for row, other in zip(written.pca, order, strict=True):
        row["pca_features"] = vectors[other]


def centred(written: WrittenRun) -> None:
    """The mean taken off: another definition of the projection than the one promised."""
    mean = numpy.mean([row["pca_features"] for row in written.pca], axis=0)
    for row in written.pca:
        row["pca_features"] = row["pca_features"] - mean


def component_lost(written: WrittenRun) -> None:
    for row in written.pca:
        row["pca_features"] = row["pca_features"] * numpy.append(numpy.zeros(1), numpy.ones(written.k - 1))


def boast(written: WrittenRun) -> None:
    """A basis that says that it explains more than it does."""
    written.explained = written.explained * 1.05


@pytest.mark.parametrize(
    ("defect", "names"),
    [
        (missing, {"one row per photo", "explained variance"}),
        (repeated, {"one row per photo", "no path twice", "explained variance"}),
        (reject_projected, {"one row per photo", "no path twice", "explained variance"}),
        (not_a_number, {"every number finite", "explained variance"}),
        (wide, {"{k} numbers per photo", "explained variance"}),
        (wrong_label, {"labels equal folders"}),
        (shuffled, {PROJECTED, "neighbours share labels"}),
        (centred, {PROJECTED}),
        (component_lost, {PROJECTED, "explained variance"}),
        (boast, {"explained variance"}),
    ],
)
def test_a_defect_fails_its_checks(defect: Defect, names: set[str], tmp_path: Path) -> None:
    written = right_run()
    defect(written)
    assert set(failed(written, tmp_path)) == {name.format(k=written.k) for name in names}


def test_a_target_not_reached_fails(tmp_path: Path) -> None:
    assert set(failed(right_run(), tmp_path, target=0.99)) == {"explained variance"}


def test_a_missing_basis_is_an_error(tmp_path: Path) -> None:
    store, run = right_run().write(tmp_path)
    (tmp_path / run.basis / "data/part-0.parquet").unlink()
    with pytest.raises(
        ValidationError, match=r"models/pca/run=run-1/: expected the basis that step 2 saves, found none"
    ):
        check_projections(store, run, LIMITS, 0.9)
