"""The EXIF orientation is applied: a turned photo has the pixels of the upright one."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from tests.verger_photo.drawing import drawn, encoded
from verger_photo.decode import decode, rgb_image
from verger_photo.orientation import exif_orientation, upright, upright_pixels

LOSSLESS: dict[str, dict[str, object]] = {
    "PNG": {},
    "TIFF": {},
    "WEBP": {"lossless": True},
    "JPEG": {"quality": 100, "subsampling": 0},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
}


def oriented(image: Image.Image, form: str, value: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = value
    return encoded(image, form, exif=exif, **LOSSLESS[form])


def as_stored(photo: Image.Image, value: int) -> Image.Image:
    """The pixels of a file with this orientation that shows the photo."""
    back = {6: 8, 8: 6}.get(value, value)
    return upright(photo, back)


@pytest.mark.parametrize("form", LOSSLESS)
@pytest.mark.parametrize("value", range(1, 9))
def test_a_turned_photo_has_the_pixels_of_the_upright_one(form: str, value: int) -> None:
    photo = drawn(size=(96, 64)).resize((384, 256), Image.Resampling.BICUBIC)
    content = oriented(as_stored(photo, value), form, value)
    tolerance = {"JPEG": 3.0, "AVIF": 3.0}.get(form, 0.0)
    shown = rgb_image(content)
    assert shown.size == photo.size
    assert np.abs(np.asarray(shown).astype(int) - np.asarray(photo)).mean() <= tolerance
    expected = np.asarray(photo.resize((224, 224), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(decode(content) - expected).mean() <= tolerance + 0.2


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_invalid_orientation_counts_as_upright(form: str, value: int) -> None:
    photo = drawn(size=(96, 64))
    np.testing.assert_array_equal(decode(oriented(photo, form, value)), decode(oriented(photo, form, 1)))


def test_the_turns_are_those_of_pillow() -> None:
    image = drawn(size=(5, 3))
    for value in range(1, 9):
        tagged = image.copy()
        tagged.getexif()[ExifTags.Base.Orientation] = value
        expected = np.asarray(ImageOps.exif_transpose(tagged))
        np.testing.assert_array_equal(np.asarray(upright(image, value)), expected)
        np.testing.assert_array_equal(upright_pixels(np.asarray(image), value), expected)


@pytest.mark.parametrize("exif", [None, b"", b"Exif\0\0", b"Exif\0\0II*\0", b"MM\0*\0\0\0\x08\xff\xff"])
def test_a_malformed_exif_block_counts_as_upright(exif: bytes | None) -> None:
    assert exif_orientation(exif) == 1
