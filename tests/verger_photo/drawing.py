"""Small pictures of noise, and their files."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    """The image in a format, by Pillow's name, with the options of Pillow's `save`."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def drawn(mode: str = "RGB", size: tuple[int, int] = (90, 60)) -> Image.Image:
    """Noise of (width, height), the same in each call."""
    rng = np.random.default_rng(7)
    return Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).convert(mode)
