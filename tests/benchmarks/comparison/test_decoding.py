"""The measures of a change of the features: cosine, nearest neighbours, accuracy."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.comparison.decoding import accuracy, compared, neighbours_kept, small_photos
from sample_photos.orchard import draw_orchard

RNG = np.random.default_rng(0)
PATHS = np.array([f"{label}/{number}.jpg" for label in ("Apple", "Pear", "Kiwi") for number in range(20)])
LABELS = np.array([path.split("/")[0] for path in PATHS])
EXACT = (np.repeat(np.eye(3, 16), 20, axis=0) * 4 + RNG.normal(size=(60, 16))).astype(np.float32)


def test_equal_features_keep_everything() -> None:
    rows = compared("made up", {"path": PATHS, "exact": EXACT, "scaled": EXACT, "encoded": EXACT + np.float32(0.5)})
    assert rows[0]["unchanged, bit for bit"] == "100.0%"
    assert (rows[0]["cosine, median"], rows[0]["10 nearest kept"], rows[0]["nearest kept"]) == (
        "1.00000",
        *["100.0%"] * 2,
    )
    assert rows[1]["unchanged, bit for bit"] == "0.0%"
    assert float(rows[1]["cosine, median"]) < 1
    assert rows[0]["photos"] == rows[1]["photos"] == "60 of made up"


def test_neighbours_are_kept_as_far_as_they_are_the_same() -> None:
    """Points on a line: the nearest of 0 is 1 degree away. When 1 and 2 change places, 0 has another nearest one."""
    degrees = np.array([0.0, 1.0, 4.0, 20.0, 26.0])
    swapped = degrees[[0, 2, 1, 3, 4]]
    first, second = (
        np.stack([np.cos(np.radians(each)), np.sin(np.radians(each))], axis=1) for each in (degrees, swapped)
    )
    assert neighbours_kept(first.astype(np.float32), first.astype(np.float32), 1) == 1.0
    assert neighbours_kept(first.astype(np.float32), second.astype(np.float32), 1) == 0.4


def test_accuracy_is_that_of_photos_that_were_not_trained_on() -> None:
    assert accuracy(EXACT, EXACT, LABELS) > 0.9
    noise = RNG.normal(size=EXACT.shape).astype(np.float32)
    assert accuracy(noise, noise, LABELS) < 0.7  # a test on the photos that it was trained on gives 1
    assert accuracy(EXACT, -EXACT, LABELS) < 0.3


def test_small_photos_have_equal_pixels_in_both_decodings(tmp_path: Path) -> None:
    draw_orchard(tmp_path / "orchard", 5)
    found = small_photos(tmp_path / "orchard", ["photos", "change", "unchanged, bit for bit", "cosine, median"])
    assert list(found.values()) == ["5 of orchard", "scaled decoding", "100.0%", ""]
