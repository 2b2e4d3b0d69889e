"""The suspects of a run, from the tables that step 2 wrote."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy
import pytest

from tests.spark_jobs.verify.test_coordinates import written_of
from tests.spark_jobs.verify.test_updates import update
from tests.spark_jobs.verify.written_run import WrittenRun, cluster, correct_run, plan, uri
from verger_contract.keys import Run
from verger_contract.schemas import SuspectKind
from verger_verify.coordinates import Written
from verger_verify.suspects import files, of_run
from verger_verify.suspects.reference import Reference, leading
from verger_verify.suspects.search import Before

WRONG = "images/Test/Kiwi/wrong apple.jpg"


def move_to_kiwis(written: WrittenRun) -> str:
    """Give the last photo of the table that is an apple the label Kiwi, and return its earlier path."""
    row = next(row for row in reversed(written.pca) if row["label"] == "Apple")
    moved: str = row["path"]
    row |= {"path": WRONG, "label": "Kiwi"}
    return moved


def all_rows(written: WrittenRun, folder: Path) -> Written:
    written.write(folder)
    return written_of(written, folder, plan(folder, written))


def found(of_written: Written, folder: Path) -> Before:
    """Return what is found and written, in the folder of suspects of the run."""
    at = uri(folder, Run("", "run-1").suspects)
    of_run.update(cluster(), of_written, at)
    again = files.read(at, of_written.basis_name)
    assert again
    return again


@pytest.mark.parametrize("few_enough", [True, False])
def test_a_first_run_compares_all_photos(few_enough: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not few_enough:
        monkeypatch.setattr("verger_verify.suspects.search.FEW", 0)
    written = correct_run()
    move_to_kiwis(written)
    result = found(all_rows(written, tmp_path), tmp_path)
    assert [(row.path, row.kind, row.run) for row in result.suspects.rows] == [
        (WRONG, SuspectKind.LABEL_DISAGREES, "run-1")
    ]
    assert len(result.reference.paths) == 118


def with_published(of_update: Written, written: WrittenRun, folder: Path) -> Written:
    """Return the update with the suspects of run-0: photos that are kept, and those that the run removes."""
    matrix = numpy.stack([row["features"] for row in written.earlier]) @ written.components
    paths, labels = ([row[name] for row in written.earlier] for name in ("path", "label"))
    at = uri(folder, Run("", "run-0").suspects)
    files.write(at, Before(Reference.of(paths, labels, leading(matrix))), of_update.basis_name)
    verification = replace(of_update.plan.verification, suspects=at)
    return replace(of_update, plan=replace(of_update.plan, verification=verification))


def test_an_update_compares_its_own_photos_with_the_published_ones(tmp_path: Path) -> None:
    written = correct_run()
    of_update = with_published(update(written, tmp_path), written, tmp_path)
    result = of_run.update(cluster(), of_update, uri(tmp_path, Run("", "run-1").suspects))
    assert result.suspects.photos == len(written.features) == 59
    assert len(result.reference.paths) == 118
    assert "images/Test/Apple/deleted.jpg" not in result.reference.positions
    expected = {row["path"]: row["pca_features"] for row in correct_run().pca}
    for path, row in result.reference.positions.items():
        numpy.testing.assert_allclose(result.reference.coordinates[row], expected[path], rtol=1e-3, atol=1e-3)


def test_an_update_without_published_suspects_compares_all_photos(tmp_path: Path) -> None:
    assert len(found(update(correct_run(), tmp_path), tmp_path).reference.paths) == 118


def test_an_update_of_a_large_publication_without_suspects_reads_a_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_run, "MOST", 100)
    written = correct_run()
    result = found(update(written, tmp_path), tmp_path)
    assert len(result.reference.paths) == 118
    at = uri(tmp_path, Run("", "run-2").suspects)
    assert of_run.update(cluster(), update(correct_run(), tmp_path / "again"), at).suspects.photos == 59
    monkeypatch.setattr(of_run, "SAMPLED_FILES", 0)
    alone = of_run.update(cluster(), update(correct_run(), tmp_path / "alone"), at)
    assert (alone.suspects.photos, len(alone.reference.paths)) == (59, 59)


def test_all_photos_are_compared_when_all_rows_are_verified(tmp_path: Path) -> None:
    written = correct_run()
    of_update = with_published(update(written, tmp_path, is_all=True), written, tmp_path)
    result = of_run.update(cluster(), of_update, uri(tmp_path, Run("", "run-1").suspects))
    assert result.suspects.photos == 118
