"""Invalid sample photos: the decoder of step 1 rejects or accepts each as its group says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sample_photos.invalid_photos import draw_invalid_photos
from tests.sample_photos.test_orchard import contents
from verger_photo.decode import decode
from verger_photo.unreadable import UnreadablePhoto


def test_names_and_files_agree_and_are_the_same_every_time(tmp_path: Path) -> None:
    invalid_photos = draw_invalid_photos(tmp_path / "one")
    assert draw_invalid_photos(tmp_path / "again") == invalid_photos
    found = contents(tmp_path / "one")
    assert found == contents(tmp_path / "again")
    assert set(found) == {*invalid_photos.rejected, *invalid_photos.accepted, *invalid_photos.ignored}
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
def test_rejected_files_have_the_expected_reason(tmp_path: Path, name: str, reason: str) -> None:
    assert name in draw_invalid_photos(tmp_path).rejected
    with pytest.raises(UnreadablePhoto, match=reason):
        decode((tmp_path / name).read_bytes())


def test_the_photo_without_a_label_is_a_valid_image(tmp_path: Path) -> None:
    assert [name for name in draw_invalid_photos(tmp_path).rejected if "/" not in name] == ["no label.jpg"]
    assert decode((tmp_path / "no label.jpg").read_bytes()).shape == (224, 224, 3)


def test_accepted_files_have_every_format(tmp_path: Path) -> None:
    kinds = set()
    for name in draw_invalid_photos(tmp_path).accepted:
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


def test_names_have_special_characters(tmp_path: Path) -> None:
    names = "".join(draw_invalid_photos(tmp_path).accepted)
    assert set(" é+%#?'") <= set(names)
