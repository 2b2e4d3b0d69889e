"""The bare loop over a few drawn photos."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sample_photos.orchard import draw_orchard
from tests.places import ROOT, STATE, long_form
from tests.spark_jobs.conftest import ARTIFACTS, node_python  # noqa: F401 - a fixture

PHOTOS = 6


@pytest.fixture
def bench_python(request: pytest.FixtureRequest) -> Path:
    """The bench environment where it is installed; else a node's, which has all that the bare loop needs."""
    bench = STATE / "venv" / "bench" / "bin" / "python"
    node: Path = bench if bench.exists() else request.getfixturevalue("node_python")
    return node


@pytest.mark.parametrize("kernels", ["own", long_form("verger")])
def test_rows_of_finite_features(kernels: str, bench_python: Path, tmp_path: Path) -> None:
    orchard = draw_orchard(tmp_path / "photos", PHOTOS)
    paths = sorted(path.relative_to(orchard.folder).as_posix() for path in orchard.folder.rglob("*.jpg"))
    pq.write_table(pa.table({"path": paths}), tmp_path / "list.parquet")
    done = subprocess.run(
        [
            *(bench_python, "-m", "benchmarks.alternatives.bare_loop", "--photos", orchard.folder),
            *("--list", tmp_path / "list.parquet", "--model", ARTIFACTS / "model" / "mobilenet_v2.tflite"),
            *("--out", tmp_path / "out", "--kernels", kernels, "--cores", "2"),
        ],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'spark_jobs'}:{ROOT / 'plugins'}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["photos"] == PHOTOS
    assert set(result["seconds"]) == {"startup", "work"}
    written = pq.read_table(tmp_path / "out")
    assert sorted(written["path"].to_pylist()) == paths
    features = np.stack(written["features"].to_numpy())
    assert features.shape == (PHOTOS, 1280)
    assert np.isfinite(features).all()
