"""Step 2 by spark-submit over several nights: current rows, compaction, kept and new basis, drift; against numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from tests.spark_jobs.conftest import Finished, Submit
from tests.spark_jobs.feature_runs import Nights, matrix, photos
from verger_spark.pca.spectrum import fix_signs

NOBODYS = [("images/Kiwi/é 1.jpg", "Z"), ("images/Kiwi/é 2.jpg", "night")]
"""Dead rows of a run that is read no more, and of one whose id begins like another's."""


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory, pca: Submit) -> Nights:
    """Three nights, the basis that was fitted to the first two, and a fourth night that is to be done.

    A and B stay, C is to be compacted. Changed photos: of A in B, of B in C, of A, B and C in D.
    """
    nights = Nights(tmp_path_factory.mktemp("nights"))
    nights.featurize("night-A", [*photos("Kiwi", range(200)), *photos("Fig", range(150))], files=2)
    nights.featurize("night-B", [*photos("Kiwi", range(190, 260)), *photos("Pear", range(80))])
    published = pca(
        nights.folder,
        *("--basis", f"{nights.at}/models/run=B"),
        source=("--features", nights.uri("night-A"), nights.uri("night-B")),
    )
    assert published.code == 0, published.output
    assert published.json("pca.json")["photos"] == 350 + 150, "by hand, every row counts"
    nights.featurize("night-C", [*photos("Pear", range(40, 130)), *photos("One", range(1))])
    nights.delete([*photos("Fig", range(30)), *photos("Pear", range(100, 110))])
    changed = [*photos("Kiwi", range(5)), *photos("Kiwi", range(255, 260)), *photos("Pear", range(120, 125))]
    nights.featurize("night-D", [*changed, *photos("One", range(1, 3)), *photos("Only new", range(2))], shift=0.2)
    nights.deletes += NOBODYS
    return nights


def night_d(nights: Nights) -> tuple[str, ...]:
    """What step 2 is told of the fourth night."""
    features = {
        "keep": [nights.uri("night-A"), nights.uri("night-B") + "/"],
        "compact": [nights.uri("night-C")],
        "into": nights.uri("night-D-compacted"),
        "new": nights.uri("night-D") + "/",
    }
    basis = {"policy": "auto", "published": f"{nights.at}/models/run=B", "reason": "", "tolerance": 0.0}
    return (*nights.write_plan("plan.json", features, basis), "--drift", f"{nights.at}/drift")


ALL = ("night-A", "night-B", "night-C", "night-D")


@pytest.fixture(scope="module")
def kept(nights: Nights, pca: Submit) -> Finished:
    """The fourth night under the policy auto, tried before: what an earlier try left must go."""
    for stale in ("basis/data", "features/run=night-D-compacted", "drift", "pca"):
        (nights.folder / stale).mkdir(parents=True, exist_ok=True)
        (nights.folder / stale / "part-stale.parquet").touch()
    finished = pca(nights.folder, "--target-variance", "0.85", source=night_d(nights))
    assert finished.code == 0, finished.output
    return finished


def published_components(nights: Nights) -> NDArray[np.float64]:
    """By numpy: the basis of every row of A and B."""
    rows = matrix([*nights.rows["night-A"], *nights.rows["night-B"]])
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    k = int(np.searchsorted(np.cumsum(values[::-1]) / values.sum(), 0.9)) + 1
    return fix_signs(vectors[:, ::-1][:, :k])


def test_every_current_photo_has_one_row_in_the_published_basis(kept: Finished, nights: Nights) -> None:
    current, found = nights.current(*ALL), kept.rows("pca")
    assert [(row["path"], row["label"]) for row in found] == [(row["path"], row["label"]) for row in current]
    coordinates = np.array([row["pca_features"] for row in found])
    np.testing.assert_allclose(coordinates, matrix(current) @ published_components(nights), rtol=0, atol=1e-9)


def test_the_compacted_run_holds_the_current_rows_of_what_it_replaces(kept: Finished, nights: Nights) -> None:
    current = nights.current("night-C")
    assert 0 < len(current) < len(nights.rows["night-C"])
    found = kept.rows("features/run=night-D-compacted")
    assert [{**row, "features": None} for row in found] == [{**row, "features": None} for row in current]
    np.testing.assert_array_equal(matrix(found), matrix(current))
    files = list((nights.folder / "features/run=night-D-compacted").glob("*.parquet"))
    assert pq.read_schema(files[0]).names == ["path", "label", "etag", "features"]
    assert len(files) == 1


def test_a_kept_basis_is_not_written_again(kept: Finished, nights: Nights) -> None:
    assert not (nights.folder / "basis").exists()
    metrics, rows, components = kept.json("pca.json"), matrix(nights.current(*ALL)), published_components(nights)
    shares = (rows @ components).var(axis=0) / rows.var(axis=0).sum()
    assert metrics["k"] == components.shape[1]
    np.testing.assert_allclose(metrics["explained_variance_ratio"], shares, atol=1e-9)
    assert metrics["explained_variance"] == pytest.approx(shares.sum(), abs=1e-9)
    assert metrics["basis"] == {
        "action": "kept",
        "policy": "auto",
        "reason": f"the published basis (k = {metrics['k']}) explains {shares.sum():.4f} of the "
        "variance of all current photos, target 0.85",
        "uri": f"{nights.at}/models/run=B",
    }
    assert metrics["photos"] == len(rows)
    assert metrics["compacted"] == len(nights.current("night-C"))
    assert f"verger: basis kept: {metrics['basis']['reason']}" in kept.output


def drift_by_numpy(nights: Nights, components: NDArray[np.float64]) -> dict[str, dict[str, Any]]:
    """By label: count of earlier and new photos, distance, spread, ratio; for labels with new photos."""
    expected = {}
    for label in {row["label"] for row in nights.rows["night-D"]}:
        new = [row for row in nights.rows["night-D"] if row["label"] == label]
        earlier = [row for row in nights.current("night-A", "night-B", "night-C") if row["label"] == label]
        facts: dict[str, Any] = {"photos": len(earlier), "new": len(new), "distance": None, "spread": None}
        if earlier:
            before, now = matrix(earlier) @ components, matrix(new) @ components
            facts["distance"] = float(np.linalg.norm(now.mean(axis=0) - before.mean(axis=0)))
            facts["spread"] = float(np.sqrt(np.square(before - before.mean(axis=0)).sum(axis=1).mean()))
        facts["ratio"] = facts["distance"] / facts["spread"] if facts["spread"] else None
        expected[label] = facts
    return expected


def test_drift_of_each_label(kept: Finished, nights: Nights) -> None:
    expected = drift_by_numpy(nights, published_components(nights))
    assert expected["One"]["spread"] == 0
    assert expected["Only new"]["photos"] == 0
    found = pq.read_table(nights.folder / "drift").to_pylist()
    assert {row["label"]: {**row} for row in found} == {
        label: {"label": label, **{name: value and pytest.approx(value, abs=1e-9) for name, value in facts.items()}}
        for label, facts in expected.items()
    }
    ratios = [row["ratio"] for row in found]
    assert ratios == [*sorted((ratio for ratio in ratios if ratio is not None), reverse=True), None, None]
    assert kept.json("pca.json")["drift"]["labels"] == found


def test_drift_of_the_new_photos_together(kept: Finished, nights: Nights) -> None:
    centred = matrix(nights.rows["night-D"]) - matrix(nights.current(*ALL)).mean(axis=0)
    share = np.square(centred @ published_components(nights)).sum() / np.square(centred).sum()
    drift = kept.json("pca.json")["drift"]
    assert drift["new"] == len(nights.rows["night-D"])
    assert drift["explained_variance"] == pytest.approx(share, abs=1e-9)


def test_a_missed_target_makes_a_new_basis(kept: Finished, nights: Nights, pca: Submit) -> None:
    """The same night over again, on Spark 3.5: compacted anew, the basis fitted to the current rows."""
    finished = pca(nights.folder, "--target-variance", "0.95", source=night_d(nights), spark="spark35")
    assert finished.code == 0, finished.output
    metrics, current = finished.json("pca.json"), nights.current(*ALL)
    values, vectors = np.linalg.eigh(np.cov(matrix(current).T))
    ratio = values[::-1] / values.sum()
    k = int(np.searchsorted(np.cumsum(ratio), 0.95)) + 1
    projected = matrix(current) @ fix_signs(vectors[:, ::-1][:, :k])
    found = np.array([row["pca_features"] for row in finished.rows("pca")])
    np.testing.assert_allclose(found, projected, rtol=0, atol=1e-9)
    np.testing.assert_allclose(finished.json("basis/spectrum.json")["explained_variance_ratio"], ratio, atol=1e-9)
    assert metrics["basis"]["action"] == "refitted"
    assert metrics["basis"]["uri"] == f"{nights.at}/basis"
    assert metrics["basis"]["reason"].endswith("of the variance of all current photos, less than the target 0.95")
    assert (
        len(finished.rows("features/run=night-D-compacted")) == metrics["compacted"] == len(nights.current("night-C"))
    )
    assert {row["label"] for row in metrics["drift"]["labels"]} == {row["label"] for row in nights.rows["night-D"]}


def test_a_single_photo_in_a_reused_basis(kept: Finished, nights: Nights, tmp_path: Path, pca: Submit) -> None:
    single = Nights(tmp_path)
    single.featurize("E", photos("Kiwi", range(1)))
    basis = {"policy": "reuse", "published": f"{nights.at}/models/run=B", "reason": "", "tolerance": 0.0}
    features = {"keep": [], "compact": [], "into": None, "new": single.uri("E")}
    finished = pca(tmp_path, "--drift", f"{single.at}/drift", source=single.write_plan("p.json", features, basis))
    assert finished.code == 0, finished.output
    (row,) = finished.rows("pca")
    projected = matrix(single.rows["E"])[0] @ published_components(nights)
    np.testing.assert_allclose(row["pca_features"], projected, rtol=0, atol=1e-9)
    metrics = finished.json("pca.json")
    assert (metrics["photos"], metrics["explained_variance"], metrics["explained_variance_ratio"]) == (1, None, None)
    assert metrics["drift"] is None
    assert not (tmp_path / "drift").exists()
    assert metrics["basis"]["reason"].startswith("the policy is reuse: the published basis")
    assert (metrics["basis"]["action"], metrics["basis"]["uri"]) == ("kept", basis["published"])
