"""Decoding: the pixels of readable photos, and the rejects of the others."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.verger_photo.drawing import drawn, encoded
from verger_contract.photos import IMAGE_FORMATS
from verger_photo.decode import decode
from verger_photo.limits.sizes import WORKER
from verger_photo.unreadable import UnreadablePhoto


def test_pixels_are_resized_by_pillows_bicubic_filter() -> None:
    image = drawn()
    pixels = decode(encoded(image, "PNG"))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, np.asarray(image.resize((224, 224), Image.Resampling.BICUBIC)))


@pytest.mark.parametrize(
    ("mode", "form"),
    [("L", "PNG"), ("P", "PNG"), ("RGBA", "PNG"), ("CMYK", "JPEG"), ("L", "JPEG"), ("1", "PNG"), ("RGB", "WEBP"),
     ("RGB", "TIFF"), ("P", "GIF"), ("RGB", "BMP")],
)  # fmt: skip
def test_every_mode_becomes_rgb(mode: str, form: str) -> None:
    content = encoded(drawn(mode), form)
    expected = Image.open(io.BytesIO(content)).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(decode(content), np.asarray(expected))


def test_16_bit_grey_keeps_its_shades() -> None:
    ramp = np.tile(np.linspace(0, 65535, 224).astype(np.uint16), (224, 1))
    pixels = decode(encoded(Image.fromarray(ramp), "PNG"))
    assert pixels.std() > 64, "clipped to 8 bits it would be white almost everywhere"


def test_the_first_frame_of_an_animation_is_decoded() -> None:
    first, second = drawn("P"), Image.new("P", (90, 60))
    animation = encoded(first, "GIF", save_all=True, append_images=[second])
    np.testing.assert_array_equal(decode(animation), decode(encoded(first, "GIF")))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file (0 bytes)"),
        (b"a text, not a photo", "not an image (no known image format, begins with b'a text, not ')"),
        (encoded(drawn(), "JPEG")[:900], "damaged image (image file is truncated"),
        (encoded(drawn(), "PNG")[:2000], "damaged image ("),
        (
            encoded(Image.new("1", (20_000, 20_000)), "PNG"),
            "image too large (20000 x 20000 = 400,000,000 pixels, the limit is 100,000,000)",
        ),
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
            "not an image (PostScript is not",
        ),
    ],
    ids=["empty", "text", "truncated JPEG", "truncated PNG", "bomb", "PostScript"],
)
def test_reasons(content: bytes, reason: str) -> None:
    with pytest.raises(UnreadablePhoto) as unreadable:
        decode(content)
    assert str(unreadable.value).startswith(reason)
    assert "\n" not in str(unreadable.value)


@pytest.mark.filterwarnings("ignore")  # Pillow warns about damaged files
@pytest.mark.parametrize("form", IMAGE_FORMATS)
def test_a_damaged_file_is_decoded_or_rejected(form: str) -> None:
    rng, intact = np.random.default_rng(11), encoded(drawn(size=(40, 30)), form)
    reasons: list[str] = []
    for _ in range(300):
        damaged = bytearray(intact[: rng.integers(1, len(intact) + 1)])
        for position in rng.integers(0, len(damaged), rng.integers(1, 20)):
            damaged[position] = rng.integers(0, 256)
        try:
            assert decode(bytes(damaged)).shape == (224, 224, 3)
        except UnreadablePhoto as reason:
            reasons.append(str(reason))
    assert len(reasons) > 20
    assert not any("\n" in reason for reason in reasons)


def test_the_limit_itself_is_allowed() -> None:
    side = int(WORKER.pixels**0.5)
    assert decode(encoded(Image.new("RGB", (side, side)), "JPEG")).shape == (224, 224, 3)
