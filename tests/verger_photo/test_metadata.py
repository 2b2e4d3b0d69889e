"""Metadata stay in the photo: neither a thumbnail nor a file that is saved from it has any."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.verger_photo.metadata import METADATA, SECRET, photo
from verger_photo.decode import decode, rgb_image, thumbnail
from verger_photo.limits.sizes import WORKER


def without_metadata(content: bytes) -> bytes:
    """The pixels of a photo as a PNG file, upright."""
    buffer = io.BytesIO()
    rgb_image(content).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("form", METADATA)
def test_the_photos_of_this_test_have_metadata(form: str) -> None:
    assert SECRET in photo(form)
    with Image.open(io.BytesIO(photo(form))) as image:
        image.load()
        assert SECRET.decode() in f"{image.info} {dict(image.getexif())}"


@pytest.mark.parametrize("form", METADATA)
@pytest.mark.parametrize("saved_as", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_thumbnail_has_no_metadata_and_no_file_that_is_saved_from_it_has_any(form: str, saved_as: str) -> None:
    small = thumbnail(photo(form), 60, WORKER)
    assert (small.info, dict(small.getexif())) == ({}, {})
    buffer = io.BytesIO()
    small.save(buffer, saved_as)
    assert SECRET not in buffer.getvalue()
    with Image.open(buffer) as saved:
        assert not {"exif", "xmp", "comment", "icc_profile", "XML:com.adobe.xmp"} & saved.info.keys()
        assert not saved.getexif().get_ifd(ExifTags.IFD.GPSInfo)


@pytest.mark.parametrize("form", METADATA)
def test_the_pixels_depend_on_no_metadata_but_the_orientation(form: str) -> None:
    content = photo(form)
    np.testing.assert_allclose(decode(content).astype(int), decode(without_metadata(content)).astype(int), atol=2)
