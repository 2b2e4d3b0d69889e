"""Photos as bytes, paths, PIL images and arrays give the same pixels, or an error that says what to pass."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.verger_photo.drawing import drawn, encoded
from verger_contract.preprocessing import Decoding
from verger_contract.reasons import RejectKind
from verger_photo import inputs
from verger_photo.decode import decode
from verger_photo.inputs import pixels
from verger_photo.unreadable import UnreadablePhoto

EXACT = Decoding.EXACT


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def transparent_palette() -> bytes:
    return encoded(drawn("P"), "PNG", transparency=bytes(range(256)))


FILES = {
    **{f"PNG {mode}": encoded(drawn(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA")},
    "PNG, transparent colours of the palette": transparent_palette(),
    "PNG, transparent colour": encoded(drawn(), "PNG", transparency=(200, 10, 30)),
    "PNG, 16-bit grey": encoded(Image.fromarray(np.arange(0, 60000, 10, dtype=np.uint16).reshape(60, 100)), "PNG"),
    **{f"JPEG {mode}": encoded(drawn(mode), "JPEG") for mode in ("L", "RGB", "CMYK")},
    **{f"JPEG, orientation {value}": encoded(drawn(), "JPEG", exif=exif(value)) for value in range(10)},
    "WebP, orientation 6": encoded(drawn("RGBA"), "WEBP", exif=exif(6), lossless=True),
    "GIF": encoded(drawn("P"), "GIF", transparency=3),
    "TIFF": encoded(drawn(), "TIFF"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_pil_image_gives_the_pixels_of_its_file(name: str, tmp_path: Path) -> None:
    content = FILES[name]
    expected = decode(content)
    image = opened(content)
    assert np.array_equal(pixels(image, EXACT), expected)
    assert np.array_equal(pixels(image, EXACT), expected), "the image is not changed"
    (tmp_path / "photo").write_bytes(content)
    for path in (tmp_path / "photo", str(tmp_path / "photo")):
        assert np.array_equal(pixels(path, EXACT), expected)
    assert np.array_equal(pixels(memoryview(content), EXACT), expected)


@pytest.mark.parametrize("mode", ["I", "F", "HSV", "LAB"])
def test_an_image_of_another_mode_is_rejected(mode: str) -> None:
    with pytest.raises(UnreadablePhoto, match=rf"^pixel type not supported \(PIL image of mode {mode}\)") as found:
        pixels(Image.new(mode, (9, 9)), EXACT)
    assert found.value.kind == RejectKind.PIXEL_TYPE


def test_a_damaged_file_behind_a_pil_image_is_a_reject() -> None:
    with pytest.raises(UnreadablePhoto, match="damaged image"):
        pixels(opened(encoded(drawn(), "JPEG")[:-300]), EXACT)


def test_an_array_is_red_green_blue() -> None:
    array = np.asarray(drawn())
    assert np.array_equal(pixels(None, EXACT, rgb=array), decode(encoded(drawn(), "PNG")))
    assert np.array_equal(pixels(None, EXACT, rgb=array[::-1]), decode(encoded(Image.fromarray(array[::-1]), "PNG")))


@pytest.mark.parametrize(
    ("photo", "rgb", "error", "message"),
    [
        (None, None, TypeError, "expected either a photo"),
        (b"", np.zeros((2, 2, 3), np.uint8), TypeError, "expected either a photo"),
        (np.zeros((2, 2, 3), np.uint8), None, TypeError, r"rgb=array.*OpenCV are BGR.*COLOR_BGR2RGB"),
        (3, None, TypeError, "expected bytes, a path, a PIL image or rgb=array, found builtins.int"),
        (None, np.zeros((2, 2, 3), np.float32), TypeError, "expected a numpy array of uint8, found float32"),
        (None, [[[0, 0, 0]]], TypeError, "expected a numpy array of uint8, found list"),
        (None, np.zeros((2, 2), np.uint8), ValueError, r"expected shape \(height, width, 3\), found \(2, 2\)"),
        (None, np.zeros((2, 2, 4), np.uint8), ValueError, r"found \(2, 2, 4\)"),
        (None, np.zeros((0, 2, 3), np.uint8), ValueError, r"found \(0, 2, 3\)"),
    ],
)
def test_other_arguments_are_errors(photo: Any, rgb: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        pixels(photo, EXACT, rgb)


def test_a_file_over_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_BYTES", 10)
    (tmp_path / "photo").write_bytes(encoded(drawn(), "PNG"))
    for photo in (tmp_path / "photo", encoded(drawn(), "PNG")):
        with pytest.raises(UnreadablePhoto, match=r"^file too large \([\d,]+ bytes, the limit is 10\)"):
            pixels(photo, EXACT)
