"""The broken, odd and foreign files of the demo, judged by the decoder that step 1 uses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sample_photos.orchard import draw_broken
from tests.sample_photos.test_orchard import contents
from verger_spark.features.photo import UnreadablePhoto, decode


def test_what_it_names_is_what_it_writes_and_always_the_same(tmp_path: Path) -> None:
    misfits = draw_broken(tmp_path / "one")
    assert draw_broken(tmp_path / "again") == misfits
    found = contents(tmp_path / "one")
    assert found == contents(tmp_path / "again")
    assert set(found) == {*misfits.rejected, *misfits.accepted, *misfits.ignored}
    assert sum(map(len, found.values())) < 500_000


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Kiwi/empty.jpg", "empty file"),
        ("Banana/truncated.jpg", "damaged image"),
        ("Pear/a letter.jpg", "not an image"),
        ("Lemon/bomb.png", "image too large"),
    ],
)
def test_broken_files_are_broken_in_the_way_that_they_should_be(tmp_path: Path, name: str, reason: str) -> None:
    assert name in draw_broken(tmp_path).rejected
    with pytest.raises(UnreadablePhoto, match=reason):
        decode((tmp_path / name).read_bytes())


def test_the_photo_without_label_is_itself_a_good_one(tmp_path: Path) -> None:
    assert [name for name in draw_broken(tmp_path).rejected if "/" not in name] == ["no label.jpg"]
    assert decode((tmp_path / "no label.jpg").read_bytes()).shape == (224, 224, 3)


def test_odd_files_are_photos_of_every_kind(tmp_path: Path) -> None:
    kinds = set()
    for name in draw_broken(tmp_path).accepted:
        pixels = decode((tmp_path / name).read_bytes())
        assert np.ptp(pixels) > 64, name
        with Image.open(tmp_path / name) as image:
            kinds.add((image.format, image.mode))
            if name == "Pear/poire?.jpg":
                assert image.getexif()[0x0112] == 6
            if image.format == "GIF":
                assert getattr(image, "n_frames", 1) == 3
    assert kinds == {
        ("PNG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "P"), ("PNG", "RGBA"), ("JPEG", "RGB"), ("GIF", "P"),
    }  # fmt: skip


def test_names_have_the_characters_that_trouble_tools(tmp_path: Path) -> None:
    names = "".join(draw_broken(tmp_path).accepted)
    assert set(" é+%#?'") <= set(names)
