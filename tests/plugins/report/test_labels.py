"""Labels of a report: which ones have new photos far from their earlier ones, and their order."""

from __future__ import annotations

from typing import Any

import pytest

from verger.report.drift import far_labels
from verger.report.labels import largest, merge

COUNTS = {"Kiwi": 100, "Yuzu": 101, "Plum": 3, "Pear": 3}


def drift(ratio: float | None) -> dict[str, Any]:
    return {"distance": 1.0, "spread": 1.0, "ratio": ratio}


@pytest.mark.parametrize(
    ("new", "ratio", "is_far"),
    [
        (1, 1.5, False),  # any single photo lies about as far from the mean as the others do
        (1, 2.5, True),
        (50, 0.45, False),
        (50, 0.55, True),
        (50, None, False),
        (50, float("nan"), False),
    ],
)
def test_the_distance_that_is_far_depends_on_the_number_of_photos(new: int, ratio: float | None, is_far: bool) -> None:
    rows = merge({"Kiwi": 100 + new}, {"Kiwi": new}, {}, {"Kiwi": drift(ratio)})
    assert far_labels(rows) == (["Kiwi"] if is_far else [])


def test_labels_are_ordered_by_drift_then_rejects_and_may_have_rejects_alone() -> None:
    rows = merge(COUNTS, {"Kiwi": 50, "Yuzu": 1}, {"Plum": 1, "Quince": 4}, {"Kiwi": drift(0.6), "Yuzu": drift(0.9)})
    assert [row["label"] for row in rows] == ["Kiwi", "Yuzu", "Quince", "Plum", "Pear"]
    assert rows[2] == {
        "label": "Quince",
        "photos": 0,
        "new": 0,
        "rejected": 4,
        "distance": None,
        "spread": None,
        "ratio": None,
    }
    assert largest(rows, 3) == ["Yuzu", "Kiwi", "Pear"]
