"""How photos are shared out: everything once, large shares first, small ones at the end."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.spark_jobs.conftest import Submit
from verger_spark.shares import LARGEST, PLACES, SMALLEST, bands

SHARED_OUT = """
import json, sys
from pyspark.sql import functions as F
from verger_spark.session import open_session
from verger_spark.shares import bands, share_out

spark = open_session("shares")
rows = spark.range(23_612).select(F.format_string("images/Kiwi/%s.jpg", "id").alias("path"))
counted = share_out(rows, bands(23_612, 2)).groupBy(F.spark_partition_id().alias("share")).count().orderBy("share")
print("shares", json.dumps([row["count"] for row in counted.collect()]))
"""


@given(st.integers(1, 10**9), st.integers(1, 5000), st.sampled_from([5, 512, LARGEST]))
def test_the_bands_cover_all_photos_in_shares_that_shrink(photos: int, cores: int, largest: int) -> None:
    found = bands(photos, cores, largest)
    assert found[0].start == 0
    assert found[-1].stop == PLACES
    assert all(before.stop == after.start for before, after in pairwise(found))
    sizes = [(band.stop - band.start) / PLACES * photos / band.shares for band in found]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] <= largest
    assert sum(band.shares for band in found) >= min(cores, photos)
    if photos > 4 * cores * 16 * SMALLEST and largest == LARGEST:
        assert sizes[-1] < sizes[0] / 12
    if photos >= cores * SMALLEST and largest == LARGEST:
        assert sizes[-1] > SMALLEST * 0.49


def test_spark_takes_them_in_this_order_and_size(submit: Submit, tmp_path: Path) -> None:
    script = tmp_path / "shared_out.py"
    script.write_text(SHARED_OUT)
    done = submit(tmp_path, script)
    assert done.code == 0, done.output
    counts = json.loads(next(line for line in done.output.splitlines() if line.startswith("shares")).partition(" ")[2])
    assert sum(counts) == 23_612
    expected = [
        (band.stop - band.start) / PLACES * 23_612 / band.shares
        for band in bands(23_612, 2)
        for _ in range(band.shares)
    ]
    assert len(counts) == len(expected)
    assert all(abs(found - size) < 0.35 * size for found, size in zip(counts, expected, strict=True))
