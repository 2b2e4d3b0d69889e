"""The tree of sums, with blocks that are small enough for a test."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.places import long_form
from tests.spark_jobs.conftest import Submit

SUMMED = """
import hashlib, json
import numpy as np
from verger_spark.pca.sums import summing
from verger_spark.session import open_session

summing.BLOCK_ROWS, summing.LAST = 512, 2
spark = open_session("sums")
processed = spark.sparkContext.accumulator(0)
vectors = np.random.default_rng(5).normal(size=(10_000, 6)).astype(np.float32)
rows = [(f"images/Kiwi/{number}.jpg", bytearray(vector.tobytes())) for number, vector in enumerate(vectors)]
found = []
for parts in (2, 5):
    frame = spark.createDataFrame(rows, "path string, features binary").repartition(parts)
    moments = summing.sum_up(frame, len(rows), processed)
    exact = vectors.astype(np.float64)
    found.append({
        "count": moments.count,
        "apart": float(abs(moments.gram - exact.T @ exact).max() + abs(moments.total - exact.sum(axis=0)).max()),
        "bits": hashlib.sha256(moments.pack()).hexdigest(),
    })
print("sums", json.dumps([*found, processed.value]))
"""


@pytest.mark.parametrize("spark", [long_form("spark"), long_form("spark35")])
def test_sums_are_merged_in_an_order_of_the_paths(submit: Submit, tmp_path: Path, spark: str) -> None:
    """20 blocks, then 3, then 1: the same bits for every partitioning of the rows."""
    script = tmp_path / "sums.py"
    script.write_text(SUMMED)
    done = submit(tmp_path, script, spark=spark)
    assert done.code == 0, done.output
    one, other, processed = json.loads(
        next(line for line in done.output.splitlines() if line.startswith("sums")).partition(" ")[2]
    )
    assert one["count"] == 10_000
    assert one["apart"] < 1e-8
    assert one["bits"] == other["bits"]
    assert processed == 20_000
