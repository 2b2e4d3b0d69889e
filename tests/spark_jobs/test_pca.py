"""Step 2 by spark-submit over file://: compared with Spark's own PCA, the same numbers for every partitioning."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from tests.places import ROOT, long_form, of_long_form
from tests.spark_jobs.conftest import Finished, Submit
from verger_spark.pca.spectrum import fix_signs

COUNT, WIDTH = 40_000, 24  # three blocks of rows


def vectors(count: int, width: int) -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    return (np.abs(rng.normal(size=(count, width))) * np.linspace(2, 0.1, width)).astype(np.float32)


def write_features(folder: Path, data: NDArray[np.float32], files: int, seed: int = 0) -> Path:
    """Write features as step 1 does, in shuffled order over several files."""
    (folder / "features").mkdir(parents=True)
    paths = np.array([f"images/Kiwi {number % 7}/é {number}.jpg" for number in range(len(data))])
    order = np.random.default_rng(seed).permutation(len(data))
    for number, part in enumerate(np.array_split(order, files)):
        table = {
            "path": paths[part],
            "label": [path.split("/")[1] for path in paths[part]],
            "etag": [f"etag {index}" for index in part],
            "features": pa.array(list(data[part]), pa.list_(pa.float32())),
        }
        pq.write_table(pa.table(table), folder / "features" / f"part-{number}.parquet")
    return folder


def coordinates(finished: Finished, name: str = "pca") -> NDArray[np.float64]:
    return np.array([row["pca_features"] for row in finished.rows(name)])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, pca: Submit) -> Finished:
    folder = write_features(tmp_path_factory.mktemp("pca"), vectors(COUNT, WIDTH), files=3)
    finished = pca(folder)
    assert finished.code == 0, finished.output
    return finished


def described_model(folder: Path) -> dict[str, Any]:
    """The metadata of a model, without time, Spark version and the name of the object that saved it."""
    found: dict[str, Any] = json.loads(next((folder / "metadata").glob("part-*")).read_text())
    # The default name of a column contains the name of the object that was created first.
    unnamed = {name: value.partition("__")[2] for name, value in found["defaultParamMap"].items()}
    return {**found, "timestamp": 0, "sparkVersion": "", "defaultParamMap": unnamed}


@pytest.mark.parametrize("spark", ["spark", long_form("spark35")])
def test_the_result_equals_sparks_own_pca_and_spark_loads_the_basis(done: Finished, submit: Submit, spark: str) -> None:
    by_spark = submit(done.folder, ROOT / "tests/spark_jobs/mllib_reference.py", str(done.folder), spark=spark)
    assert by_spark.code == 0, by_spark.output
    reference, loaded = np.load(done.folder / "reference.npz"), np.load(done.folder / "loaded.npz")
    metrics = done.json("pca.json")
    k = metrics["k"]
    assert k == int(np.searchsorted(np.cumsum(reference["ratio"]), 0.90)) + 1
    assert loaded["k"] == k
    np.testing.assert_allclose(loaded["ratio"], reference["ratio"][:k], atol=1e-9)
    np.testing.assert_allclose(
        done.json("basis/spectrum.json")["explained_variance_ratio"], reference["ratio"], atol=1e-9
    )
    by_path = sorted(range(COUNT), key=lambda number: f"images/Kiwi {number % 7}/é {number}.jpg")
    projected = vectors(COUNT, WIDTH)[by_path].astype(np.float64) @ fix_signs(reference["components"])[:, :k]
    np.testing.assert_allclose(coordinates(done), projected, atol=1e-6)
    np.testing.assert_allclose(coordinates(done), coordinates(done, "transformed"), atol=1e-9)
    # Spark saves the model that it loaded with the same columns, types and numbers.
    ours, theirs = (
        pq.ParquetFile(next((done.folder / name / "data").glob("*.parquet"))) for name in ("basis", "saved")
    )
    assert ours.schema_arrow.remove_metadata() == theirs.schema_arrow.remove_metadata()
    types = b"org.apache.spark.sql.parquet.row.metadata"
    assert json.loads(ours.metadata.metadata[types]) == json.loads(theirs.metadata.metadata[types])
    assert ours.read().to_pylist() == theirs.read().to_pylist()
    assert described_model(done.folder / "basis") == described_model(done.folder / "saved")


def test_every_photo_has_one_row_with_its_label(done: Finished) -> None:
    rows = done.rows("pca")
    assert len({row["path"] for row in rows}) == len(rows) == COUNT
    assert all(row["label"] == row["path"].split("/")[1] for row in rows)
    assert pq.read_schema(next((done.folder / "pca").glob("*.parquet"))).names == [
        "path",
        "label",
        "features_run",
        "pca_features",
    ]


def test_metrics(done: Finished) -> None:
    metrics = done.json("pca.json")
    assert metrics["photos"] == COUNT
    assert metrics["application"]
    assert metrics["target_variance"] == 0.90
    assert metrics["explained_variance"] >= 0.90
    assert metrics["explained_variance"] == pytest.approx(sum(metrics["explained_variance_ratio"]))
    assert sum(metrics["explained_variance_ratio"][:-1]) < 0.90, "k is the smallest that reaches the target"
    assert metrics["basis"] == {
        "action": "refitted",
        "policy": "refit",
        "reason": "run by hand, without a plan",
        "uri": (done.folder / "basis").as_uri(),
    }
    assert (metrics["drift"], metrics["compacted"]) == (None, 0)


@of_long_form
def test_near_equal_eigenvalues_do_not_depend_on_the_partitions(tmp_path: Path, pca: Submit) -> None:
    """Neighbouring eigenvalues differ by 0.2 % in the median, by 0.002 % at least: rounding can rotate the vectors."""
    data = np.abs(np.random.default_rng(8).normal(size=(17_000, 1280))).astype(np.float32)
    runs = [pca(write_features(tmp_path / str(files), data, files, seed=files)) for files in (2, 7)]
    assert [run.code for run in runs] == [0, 0], runs[0].output
    np.testing.assert_allclose(coordinates(runs[0]), coordinates(runs[1]), rtol=0, atol=1e-9)


def test_the_same_numbers_for_another_partitioning_and_on_spark_35(done: Finished, tmp_path: Path, pca: Submit) -> None:
    folder = write_features(tmp_path / "cut", vectors(COUNT, WIDTH), files=11, seed=5)
    other = pca(folder, spark="spark35")
    assert other.code == 0, other.output
    assert other.json("pca.json")["k"] == done.json("pca.json")["k"]
    np.testing.assert_allclose(coordinates(other), coordinates(done), rtol=0, atol=1e-9)


def test_an_error_is_one_line(tmp_path: Path, pca: Submit) -> None:
    finished = pca(write_features(tmp_path / "bad", vectors(40, 12), files=1), "--max-components", "2")
    assert finished.code == 1
    message = "verger: error: target variance 0.9 cannot be reached: 2 components explain"
    assert message in finished.output, finished.output
    assert not (tmp_path / "bad" / "pca").exists()


def test_without_rows_there_is_an_error(tmp_path: Path, pca: Submit) -> None:
    folder = write_features(tmp_path / "none", vectors(0, 12), files=1)
    finished = pca(folder)
    assert finished.code == 1
    assert f"verger: error: {(folder / 'features').as_uri()}: no current features of any photo" in finished.output
