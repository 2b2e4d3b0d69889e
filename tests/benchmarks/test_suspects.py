"""The benchmark of suspects counts what it exchanged."""

from __future__ import annotations

from benchmarks.suspects.__main__ import EXCHANGED, exchange
from tests.spark_jobs.suspects.drawn import photos


def test_exchanged_labels_of_separate_clouds_are_all_named() -> None:
    everything = photos({f"label {number}": 60 for number in range(20)})
    row = exchange(everything, seed=3)
    assert (row["photos"], row["exchanged"], row["named"]) == (1200, EXCHANGED, EXCHANGED)
    assert (row["precision"], row["recall"]) == ("1.00", "1.00")
    assert everything.labels == [path.split("/")[0] for path in everything.paths], "the photos keep their labels"
