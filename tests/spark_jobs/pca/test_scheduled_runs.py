"""Step 2 by spark-submit after several runs, compared with numpy: current rows, compaction, basis, drift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from tests.spark_jobs.conftest import Finished, Submit
from tests.spark_jobs.run_folder import RunFolder, matrix, photos
from verger_contract.plan import BasisPolicy, BasisRequest
from verger_spark.pca.spectrum import fix_signs

OTHER_RUNS = [("images/Kiwi/é 1.jpg", "Z"), ("images/Kiwi/é 2.jpg", "run")]
"""Deleted rows of a run that is no longer read, and of a run whose id is a prefix of others."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, pca: Submit) -> RunFolder:
    """Three feature runs, a basis that was fitted to the first two, and a fourth feature run for step 2.

    A and B are kept, C is compacted. Changed photos: of A in B, of B in C, of A, B and C in D.
    """
    runs = RunFolder(tmp_path_factory.mktemp("runs"))
    runs.featurize("run-A", [*photos("Kiwi", range(200)), *photos("Fig", range(150))], files=2)
    runs.featurize("run-B", [*photos("Kiwi", range(190, 260)), *photos("Pear", range(80))])
    published = pca(
        runs.folder,
        *("--basis", f"{runs.at}/models/run=B"),
        source=("--features", runs.uri("run-A"), runs.uri("run-B")),
    )
    assert published.code == 0, published.output
    assert published.json("pca.json")["photos"] == 350 + 150, "by hand, every row counts"
    runs.featurize("run-C", [*photos("Pear", range(40, 130)), *photos("One", range(1))])
    runs.delete([*photos("Fig", range(30)), *photos("Pear", range(100, 110))])
    changed = [*photos("Kiwi", range(5)), *photos("Kiwi", range(255, 260)), *photos("Pear", range(120, 125))]
    runs.featurize("run-D", [*changed, *photos("One", range(1, 3)), *photos("Only new", range(2))], shift=0.2)
    runs.deletes += OTHER_RUNS
    return runs


def run_d(runs: RunFolder) -> tuple[str, ...]:
    """Return the arguments of step 2 for the fourth run."""
    plan = runs.write_plan(
        "plan.json",
        keep=(runs.uri("run-A"), runs.uri("run-B") + "/"),
        compact=(runs.uri("run-C"),),
        into=runs.uri("run-D-compacted"),
        new=runs.uri("run-D") + "/",
        basis=BasisRequest(policy=BasisPolicy.AUTO, published=f"{runs.at}/models/run=B"),
    )
    return (*plan, "--drift", f"{runs.at}/drift")


ALL = ("run-A", "run-B", "run-C", "run-D")


@pytest.fixture(scope="module")
def kept(runs: RunFolder, pca: Submit) -> Finished:
    """The fourth run under the policy auto. Files of an earlier attempt must be deleted."""
    for stale in ("basis/data", "features/run=run-D-compacted", "drift", "pca"):
        (runs.folder / stale).mkdir(parents=True, exist_ok=True)
        (runs.folder / stale / "part-stale.parquet").touch()
    finished = pca(runs.folder, "--target-variance", "0.85", source=run_d(runs))
    assert finished.code == 0, finished.output
    return finished


def published_components(runs: RunFolder) -> NDArray[np.float64]:
    """The basis of every row of A and B, by numpy."""
    rows = matrix([*runs.rows["run-A"], *runs.rows["run-B"]])
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    k = int(np.searchsorted(np.cumsum(values[::-1]) / values.sum(), 0.9)) + 1
    return fix_signs(vectors[:, ::-1][:, :k])


def test_every_current_photo_has_one_row_in_the_published_basis(kept: Finished, runs: RunFolder) -> None:
    current, found = runs.current(*ALL), kept.rows("pca")
    assert [(row["path"], row["label"]) for row in found] == [(row["path"], row["label"]) for row in current]
    coordinates = np.array([row["pca_features"] for row in found])
    np.testing.assert_allclose(coordinates, matrix(current) @ published_components(runs), rtol=0, atol=1e-9)


def test_the_compacted_run_holds_the_current_rows_of_the_old_run(kept: Finished, runs: RunFolder) -> None:
    current = runs.current("run-C")
    assert 0 < len(current) < len(runs.rows["run-C"])
    found = kept.rows("features/run=run-D-compacted")
    assert [{**row, "features": None} for row in found] == [{**row, "features": None} for row in current]
    np.testing.assert_array_equal(matrix(found), matrix(current))
    files = list((runs.folder / "features/run=run-D-compacted").glob("*.parquet"))
    assert pq.read_schema(files[0]).names == ["path", "label", "etag", "features"]
    assert len(files) == 1


def test_a_kept_basis_is_not_written_again(kept: Finished, runs: RunFolder) -> None:
    assert not (runs.folder / "basis").exists()
    metrics, rows, components = kept.json("pca.json"), matrix(runs.current(*ALL)), published_components(runs)
    shares = (rows @ components).var(axis=0) / rows.var(axis=0).sum()
    assert metrics["k"] == components.shape[1]
    np.testing.assert_allclose(metrics["explained_variance_ratio"], shares, atol=1e-9)
    assert metrics["explained_variance"] == pytest.approx(shares.sum(), abs=1e-9)
    assert metrics["basis"] == {
        "action": "kept",
        "policy": "auto",
        "reason": f"the published basis (k = {metrics['k']}) explains {shares.sum():.4f} of the "
        "variance of all current photos, target 0.85",
        "uri": f"{runs.at}/models/run=B",
    }
    assert metrics["photos"] == len(rows)
    assert metrics["compacted"] == len(runs.current("run-C"))
    assert f"verger: basis kept: {metrics['basis']['reason']}" in kept.output


def drift_by_numpy(runs: RunFolder, components: NDArray[np.float64]) -> dict[str, dict[str, Any]]:
    """Counts of earlier and new photos, distance, spread and ratio, for each label with new photos."""
    expected = {}
    for label in {row["label"] for row in runs.rows["run-D"]}:
        new = [row for row in runs.rows["run-D"] if row["label"] == label]
        earlier = [row for row in runs.current("run-A", "run-B", "run-C") if row["label"] == label]
        facts: dict[str, Any] = {"photos": len(earlier), "new": len(new), "distance": None, "spread": None}
        if earlier:
            before, now = matrix(earlier) @ components, matrix(new) @ components
            facts["distance"] = float(np.linalg.norm(now.mean(axis=0) - before.mean(axis=0)))
            facts["spread"] = float(np.sqrt(np.square(before - before.mean(axis=0)).sum(axis=1).mean()))
        facts["ratio"] = facts["distance"] / facts["spread"] if facts["spread"] else None
        expected[label] = facts
    return expected


def test_drift_of_each_label(kept: Finished, runs: RunFolder) -> None:
    expected = drift_by_numpy(runs, published_components(runs))
    assert expected["One"]["spread"] == 0
    assert expected["Only new"]["photos"] == 0
    found = pq.read_table(runs.folder / "drift").to_pylist()
    assert {row["label"]: {**row} for row in found} == {
        label: {"label": label, **{name: value and pytest.approx(value, abs=1e-9) for name, value in facts.items()}}
        for label, facts in expected.items()
    }
    ratios = [row["ratio"] for row in found]
    assert ratios == [*sorted((ratio for ratio in ratios if ratio is not None), reverse=True), None, None]
    assert kept.json("pca.json")["drift"]["labels"] == found


def test_drift_of_the_new_photos_together(kept: Finished, runs: RunFolder) -> None:
    centred = matrix(runs.rows["run-D"]) - matrix(runs.current(*ALL)).mean(axis=0)
    share = np.square(centred @ published_components(runs)).sum() / np.square(centred).sum()
    drift = kept.json("pca.json")["drift"]
    assert drift["new"] == len(runs.rows["run-D"])
    assert drift["explained_variance"] == pytest.approx(share, abs=1e-9)


def test_a_basis_that_misses_the_target_is_refitted(kept: Finished, runs: RunFolder, pca: Submit) -> None:
    """The same run a second time, on Spark 3.5: compacted again, new components fitted to the current rows."""
    finished = pca(runs.folder, "--target-variance", "0.95", source=run_d(runs), spark="spark35")
    assert finished.code == 0, finished.output
    metrics, current = finished.json("pca.json"), runs.current(*ALL)
    values, vectors = np.linalg.eigh(np.cov(matrix(current).T))
    ratio = values[::-1] / values.sum()
    k = int(np.searchsorted(np.cumsum(ratio), 0.95)) + 1
    projected = matrix(current) @ fix_signs(vectors[:, ::-1][:, :k])
    found = np.array([row["pca_features"] for row in finished.rows("pca")])
    np.testing.assert_allclose(found, projected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(finished.json("basis/spectrum.json")["explained_variance_ratio"], ratio, atol=1e-9)
    assert metrics["basis"]["action"] == "refitted"
    assert metrics["basis"]["uri"] == f"{runs.at}/basis"
    assert metrics["basis"]["reason"].endswith("of the variance of all current photos, less than the target 0.95")
    assert len(finished.rows("features/run=run-D-compacted")) == metrics["compacted"] == len(runs.current("run-C"))
    assert {row["label"] for row in metrics["drift"]["labels"]} == {row["label"] for row in runs.rows["run-D"]}


def test_a_single_photo_in_a_reused_basis(kept: Finished, runs: RunFolder, tmp_path: Path, pca: Submit) -> None:
    single = RunFolder(tmp_path)
    single.featurize("E", photos("Kiwi", range(1)))
    published = f"{runs.at}/models/run=B"
    basis = BasisRequest(policy=BasisPolicy.REUSE, published=published)
    plan = single.write_plan("p.json", keep=(), new=single.uri("E"), basis=basis)
    finished = pca(tmp_path, "--drift", f"{single.at}/drift", source=plan)
    assert finished.code == 0, finished.output
    (row,) = finished.rows("pca")
    projected = matrix(single.rows["E"])[0] @ published_components(runs)
    np.testing.assert_allclose(row["pca_features"], projected, rtol=0, atol=1e-9)
    metrics = finished.json("pca.json")
    assert (metrics["photos"], metrics["explained_variance"], metrics["explained_variance_ratio"]) == (1, None, None)
    assert metrics["drift"] is None
    assert not (tmp_path / "drift").exists()
    assert metrics["basis"]["reason"].startswith("the policy is reuse: the published basis")
    assert (metrics["basis"]["action"], metrics["basis"]["uri"]) == ("kept", published)
