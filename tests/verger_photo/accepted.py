"""One hundred photos of the kinds of files that are accepted, written by Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from tests.verger_photo.drawing import encoded

SIZES = ((100, 100), (224, 224), (61, 143), (640, 480), (37, 5), (500, 1300))

VARIANTS: list[tuple[str, str, dict[str, Any]]] = [
    *(("JPEG", mode, {"quality": 90}) for mode in ("L", "RGB", "CMYK")),
    *(("JPEG", "RGB", {"progressive": True, "subsampling": subsampling}) for subsampling in (0, 1, 2)),
    *(("PNG", mode, {}) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
    ("PNG", "P", {"transparency": 3}),
    ("PNG", "RGB", {"transparency": (1, 2, 3)}),
    ("GIF", "P", {"transparency": 3}),
    ("GIF", "L", {}),
    *(("WEBP", mode, {"lossless": lossless}) for mode in ("RGB", "RGBA") for lossless in (True, False)),
    *(("TIFF", mode, {}) for mode in ("1", "L", "P", "RGB", "I;16")),
    *(("TIFF", "RGB", {"compression": kind}) for kind in ("tiff_lzw", "tiff_adobe_deflate", "packbits")),
    *(("BMP", mode, {}) for mode in ("1", "L", "P", "RGB")),
    *(("PPM", mode, {}) for mode in ("1", "L", "RGB")),
    *(("JPEG2000", mode, {"irreversible": lossy}) for mode in ("L", "RGB") for lossy in (True, False)),
    *(("AVIF", mode, {"quality": 80}) for mode in ("RGB", "RGBA")),
]
"""Pillow's name of the format, the mode, and options of Pillow's `save`."""

WITH_EXIF = ("JPEG", "PNG", "WEBP", "TIFF", "AVIF")


def accepted_photos(count: int = 100) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of photos: the variants in turn, with other sizes and orientations in each turn."""
    for number in range(count):
        form, mode, options = VARIANTS[number % len(VARIANTS)]
        size = SIZES[(number + number // len(VARIANTS)) % len(SIZES)]
        if form in WITH_EXIF:
            exif = Image.Exif()
            exif[0x0112] = number % 8 + 1
            options = options | {"exif": exif}
        yield f"{number:03} {form} {mode.replace(';', '')}", encoded(_scene(mode, size, number), form, **options)


def _scene(mode: str, size: tuple[int, int], seed: int) -> Image.Image:
    """Gradients and noise, so that each turn and each order of the channels gives other features."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    noise = np.random.default_rng(seed).integers(0, 40, (size[1], size[0], 4))
    planes = (200 * x / size[0], 200 * y / size[1], 100 * (x > y), 255 * (x + 2 * y > size[0] / 2))
    pixels = (np.stack(planes, axis=-1) + noise).clip(0, 255).astype(np.uint8)
    if mode == "I;16":
        return Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    return (
        Image.fromarray(pixels).convert(mode)
        if mode in ("LA", "RGBA")
        else Image.fromarray(pixels[..., :3]).convert(mode)
    )
