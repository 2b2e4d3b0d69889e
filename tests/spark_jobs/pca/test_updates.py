"""Step 2 by spark-submit as an update: it reads the photos that a run adds and removes, and writes few coordinates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.spark_jobs.conftest import ARTIFACTS, Finished, Submit
from tests.spark_jobs.run_folder import RunFolder, matrix, photos
from verger_contract.plan import BasisPolicy, BasisRequest
from verger_spark.pca.sums import statistics

ON_SPARK = """
import runpy, sys
from verger_spark.pca import current_rows, reduction

current_rows.DRIVER_BYTES = reduction.DRIVER_ROWS = -1  # no input is small: Spark tasks read it
sys.argv[0] = {script!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, pca: Submit) -> RunFolder:
    """A publication of the feature runs A and B, by a full pass. Then C has new and changed photos.

    C changes photos of A and B, so its rows take the place of theirs. Other photos of A and of B are deleted.
    """
    runs = RunFolder(tmp_path_factory.mktemp("updates"))
    runs.featurize("run-A", [*photos("Kiwi", range(400)), *photos("Fig", range(300))], files=3)
    runs.featurize("run-B", [*photos("Kiwi", range(390, 460)), *photos("Pear", range(150))])
    first = runs.write_plan(
        "first.json",
        keep=(runs.uri("run-A"),),
        new=runs.uri("run-B"),
        basis=BasisRequest(policy=BasisPolicy.AUTO, reason="no basis is published yet"),
    )
    outputs = ("--pca", f"{runs.at}/pca/run=B", "--basis", f"{runs.at}/models/run=B")
    done = pca(runs.folder, "--statistics", f"{runs.at}/statistics-B", *outputs, source=first)
    assert done.code == 0, done.output
    assert done.json("pca.json")["full_pass"] is True
    runs.publish()
    runs.delete([*photos("Fig", range(20, 40)), *photos("Pear", range(3))])
    changed = [*photos("Kiwi", range(5)), *photos("Kiwi", range(450, 455))]
    runs.featurize("run-C", [*changed, *photos("One", range(1, 3))], shift=0.2)
    return runs


def plan_c(runs: RunFolder, *, policy: BasisPolicy = BasisPolicy.AUTO, **more: Any) -> tuple[str, ...]:
    kept = {"keep": (runs.uri("run-A"), runs.uri("run-B"))}
    return runs.write_plan(
        "c.json",
        **{**kept, **more},
        new=runs.uri("run-C"),
        statistics=f"{runs.at}/statistics-B",
        basis=BasisRequest(policy=policy, published=f"{runs.at}/models/run=B"),
    )


def update(pca: Submit, runs: RunFolder, name: str, plan: tuple[str, ...], *more: str, **options: Any) -> Finished:
    outputs = ("--pca", f"{runs.at}/pca/run={name}", "--basis", f"{runs.at}/models/run={name}")
    sums = ("--statistics", f"{runs.at}/statistics-{name}", "--drift", f"{runs.at}/drift-{name}")
    done = pca(runs.folder, *outputs, *sums, "--progress", f"{runs.at}/progress.json", *more, source=plan, **options)
    assert done.code == 0, done.output
    return done


@pytest.fixture(scope="module")
def updated(runs: RunFolder, pca: Submit) -> Finished:
    return update(pca, runs, "C", plan_c(runs), "--target-variance", "0.85")


def written(runs: RunFolder, name: str) -> list[dict[str, Any]]:
    rows = pq.read_table(runs.folder / f"pca/run={name}").to_pylist()
    return sorted(rows, key=lambda row: row["path"])


def components(runs: RunFolder) -> np.ndarray:
    from verger_spark.pca import basis_files

    return basis_files.load(f"{runs.at}/models/run=B", matrix(runs.rows["run-A"]).shape[1])


def test_only_new_photos_get_coordinates(updated: Finished, runs: RunFolder) -> None:
    metrics, rows = updated.json("pca.json"), written(runs, "C")
    expected = runs.current("run-C")
    assert [(row["path"], row["features_run"]) for row in rows] == [(row["path"], "run-C") for row in expected]
    found = np.array([row["pca_features"] for row in rows])
    np.testing.assert_allclose(found, matrix(expected) @ components(runs), rtol=0, atol=1e-9)
    assert metrics["full_pass"] is False
    assert metrics["projected"] == len(expected)
    assert metrics["photos"] == len(runs.current("run-A", "run-B", "run-C"))
    assert json.loads((runs.folder / "progress.json").read_text())["total"] == len(expected)
    assert "coordinates of 12 photos written (new)" in updated.output


def test_the_coordinates_of_all_tables_together_are_those_of_all_current_photos(
    updated: Finished, runs: RunFolder
) -> None:
    deleted = set(runs.deletes)
    rows = [*written(runs, "B"), *written(runs, "C")]
    current = {row["path"]: row["pca_features"] for row in rows if (row["path"], row["features_run"]) not in deleted}
    expected = runs.current("run-A", "run-B", "run-C")
    assert sorted(current) == [row["path"] for row in expected]
    found = np.array([current[row["path"]] for row in expected])
    np.testing.assert_allclose(found, matrix(expected) @ components(runs), rtol=0, atol=1e-9)


def test_statistics_and_explained_variance_are_those_of_all_current_photos(updated: Finished, runs: RunFolder) -> None:
    rows, metrics = matrix(runs.current("run-A", "run-B", "run-C")), updated.json("pca.json")
    found = statistics.load(f"{runs.at}/statistics-C")
    np.testing.assert_allclose(found.moments.covariance(), np.cov(rows.T), rtol=0, atol=1e-12)
    share = (rows @ components(runs)).var(axis=0).sum() / rows.var(axis=0).sum()
    assert metrics["explained_variance"] == pytest.approx(share, abs=1e-12)
    counts = {label: sums.photos for label, sums in found.labels.by_label.items()}
    assert counts == {"Kiwi": 460, "Fig": 280, "Pear": 147, "One": 2}


def test_drift_compares_with_photos_that_were_not_read(updated: Finished, runs: RunFolder) -> None:
    drift = {row["label"]: row for row in updated.json("pca.json")["drift"]["labels"]}
    kiwis = [row for row in runs.current("run-A", "run-B") if row["label"] == "Kiwi"]
    new = [row for row in runs.rows["run-C"] if row["label"] == "Kiwi"]
    before, now = matrix(kiwis) @ components(runs), matrix(new) @ components(runs)
    distance = float(np.linalg.norm(now.mean(axis=0) - before.mean(axis=0)))
    assert (drift["Kiwi"]["photos"], drift["Kiwi"]["new"]) == (len(kiwis), len(new))
    assert drift["Kiwi"]["distance"] == pytest.approx(distance, abs=1e-9)
    assert drift["One"]["distance"] is None


def test_a_small_update_starts_no_spark_application(updated: Finished) -> None:
    metrics = updated.json("pca.json")
    assert (metrics["application"], metrics["spark"], metrics["seconds"]["startup"]) == ("", "4.1.1", 0)
    assert "SparkContext" not in updated.output


def test_spark_tasks_and_the_driver_write_the_same(
    updated: Finished, runs: RunFolder, pca: Submit, tmp_path: Path
) -> None:
    """Small input is read by the driver. On Spark 3.5, where no input is small, everything is the same to the bit."""
    script = tmp_path / "on_spark.py"
    script.write_text(ON_SPARK.format(script=str(ARTIFACTS / "pca.py")))
    arguments = ("--target-variance", "0.85")
    done = update(pca, runs, "C-on-spark", plan_c(runs), *arguments, script=script, spark="spark35")
    assert done.json("pca.json")["application"].startswith("local-")
    assert written(runs, "C-on-spark") == written(runs, "C")
    one, other = (runs.folder / f"statistics-{name}/moments.bin" for name in ("C", "C-on-spark"))
    assert one.read_bytes() == other.read_bytes()


def test_an_update_that_misses_the_target_makes_a_full_pass(runs: RunFolder, pca: Submit) -> None:
    done = update(pca, runs, "refit", plan_c(runs), "--target-variance", "0.97")
    metrics, current = done.json("pca.json"), runs.current("run-A", "run-B", "run-C")
    assert (metrics["full_pass"], metrics["basis"]["action"]) == (True, "refitted")
    rows = written(runs, "refit")
    assert [row["path"] for row in rows] == [row["path"] for row in current]
    origin = {row["path"]: name for name in ("run-A", "run-B", "run-C") for row in runs.current(name)}
    assert {row["path"]: row["features_run"] for row in rows} == origin
    found = statistics.load(f"{runs.at}/statistics-refit")
    assert found.labels.photos == found.moments.count == len(current)


def test_a_compacted_run_gets_its_coordinates_again(runs: RunFolder, pca: Submit) -> None:
    into = runs.uri("run-C-compacted")
    plan = plan_c(runs, keep=(runs.uri("run-A"),), compact=(runs.uri("run-B"),), into=into)
    done = update(pca, runs, "compacting", plan, "--target-variance", "0.85")
    expected = {row["path"]: "run-C-compacted" for row in runs.current("run-B")}
    expected |= {row["path"]: "run-C" for row in runs.current("run-C")}
    assert {row["path"]: row["features_run"] for row in written(runs, "compacting")} == expected
    assert done.json("pca.json")["photos"] == len(runs.current("run-A", "run-B", "run-C"))


def test_a_run_that_only_removes_photos_writes_an_empty_table(runs: RunFolder, pca: Submit) -> None:
    runs.featurize("run-empty", [])
    plan = runs.write_plan(
        "empty.json",
        keep=(runs.uri("run-A"), runs.uri("run-B")),
        new=runs.uri("run-empty"),
        statistics=f"{runs.at}/statistics-B",
        basis=BasisRequest(policy=BasisPolicy.AUTO, published=f"{runs.at}/models/run=B"),
    )
    done = update(pca, runs, "empty", plan, "--target-variance", "0.85")
    assert written(runs, "empty") == []
    metrics = done.json("pca.json")
    assert (metrics["projected"], metrics["drift"]) == (0, None)
    assert metrics["photos"] == len(runs.current("run-A", "run-B"))
