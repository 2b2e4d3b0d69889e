"""Drawn sample photos: their number, their format, and the same files for the same arguments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sample_photos.fruits import FRUITS
from sample_photos.orchard import draw_orchard


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_photos_are_spread_evenly_over_the_labels(tmp_path: Path) -> None:
    orchard = draw_orchard(tmp_path, photos=30)
    assert orchard.photos == 30
    assert list(orchard.labels) == list(FRUITS)
    assert sorted(orchard.labels.values()) == [2] * 6 + [3] * 6
    found = contents(tmp_path)
    assert len(found) == 30
    assert {name.split("/")[0] for name in found} == set(FRUITS)


def test_fewer_photos_than_labels_make_fewer_labels(tmp_path: Path) -> None:
    orchard = draw_orchard(tmp_path, photos=5)
    assert sum(orchard.labels.values()) == len(contents(tmp_path)) == 5
    assert len(orchard.labels) == 5


def test_photos_are_small_different_jpegs(tmp_path: Path) -> None:
    draw_orchard(tmp_path, photos=48)
    seen = set()
    for path in tmp_path.rglob("*.jpg"):
        with Image.open(path) as image:
            assert (image.format, image.mode) == ("JPEG", "RGB")
            assert 100 <= image.width == image.height <= 160
            assert np.asarray(image).std() > 10  # the image is not empty
        seen.add(path.read_bytes())
    assert len(seen) == 48


def test_the_same_seed_draws_the_same_photos(tmp_path: Path) -> None:
    draw_orchard(tmp_path / "one", photos=24)
    draw_orchard(tmp_path / "again", photos=24)
    draw_orchard(tmp_path / "other", photos=24, seed=1)
    assert contents(tmp_path / "one") == contents(tmp_path / "again")
    assert not set(contents(tmp_path / "one").values()) & set(contents(tmp_path / "other").values())


def test_a_larger_orchard_holds_the_smaller_one(tmp_path: Path) -> None:
    draw_orchard(tmp_path / "small", photos=13)
    draw_orchard(tmp_path / "large", photos=30)
    assert contents(tmp_path / "small").items() <= contents(tmp_path / "large").items()


def test_each_fruit_has_its_colour(tmp_path: Path) -> None:
    """The middle of the photos of a fruit has the colour of the fruit."""
    draw_orchard(tmp_path, photos=120)
    middles = {}
    for label in FRUITS:
        patches = []
        for path in (tmp_path / label).glob("*.jpg"):
            with Image.open(path) as image:
                patches.append(np.asarray(image.resize((9, 9), Image.Resampling.BOX))[3:6, 3:6].reshape(-1, 3))
        middles[label] = np.median(np.concatenate(patches), axis=0)
    red, green, blue = range(3)
    for label in ("Apple Red", "Strawberry", "Watermelon"):
        assert middles[label][red] > 1.5 * middles[label][green], label
    for label in ("Apple Green", "Kiwi"):
        assert middles[label][green] > middles[label][red], label
    for label in ("Banana", "Lemon", "Pear"):
        assert middles[label][red] > middles[label][green] > 1.5 * middles[label][blue], label
    for label in ("Grape", "Plum"):
        assert middles[label][blue] > 1.2 * middles[label][green], label


@pytest.mark.parametrize("photos", [0, -1])
def test_an_orchard_without_photos_is_an_error(tmp_path: Path, photos: int) -> None:
    with pytest.raises(ValueError, match=f"photos: expected at least 1, found {photos}"):
        draw_orchard(tmp_path, photos=photos)
