"""Photos of camera size: a JPEG as a camera writes it, the same for the same seed."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import ExifTags, Image

from benchmarks.harness.camera_photos import TWO, Camera, compose
from sample_photos.orchard import draw_orchard

SMALL = Camera("small", 320, 240, 4)


def test_a_photo_of_its_size_with_the_tags_of_a_camera(tmp_path: Path) -> None:
    draw_orchard(tmp_path, 1)
    fruit = next(tmp_path.rglob("*.jpg")).read_bytes()
    content = compose(TWO, fruit, 3)
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.size, image.mode) == ("JPEG", (TWO.width, TWO.height), "RGB")
        exif = image.getexif()
        assert exif[ExifTags.Base.Orientation] == 1
        assert len(exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote]) == 20_000
    assert 400_000 < len(content) < 1_200_000  # a smooth picture would be a tenth of it, and quick to decode


def test_equal_seeds_give_equal_files(tmp_path: Path) -> None:
    draw_orchard(tmp_path, 1)
    fruit = next(tmp_path.rglob("*.jpg")).read_bytes()
    assert compose(SMALL, fruit, 5) == compose(SMALL, fruit, 5)
    assert compose(SMALL, fruit, 5) != compose(SMALL, fruit, 6)
