"""An image file whose header was read and accepted, and whose pixels are not decoded yet."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image


def load(image: Image.Image) -> Image.Image:
    """Decode the pixels of an opened image. The default of `Opened.load`."""
    image.load()
    return image


@dataclass(frozen=True, eq=False)
class Opened:
    """An opened image.

    Attributes
    ----------
    image : Image
        The image as Pillow opens it: its size is known.
    orientation : int or None
        1 to 8. None: it is in the EXIF block, which is known after the pixels are decoded.
    load : callable
        Decodes the pixels. It returns an image in any mode of Pillow, not turned, with its transparency.
    """

    image: Image.Image
    orientation: int | None = None
    load: Callable[[Image.Image], Image.Image] = load


def by_pillow(content: bytes, form: str) -> Image.Image:
    """Open a file with the plugin of Pillow for one format."""
    return Image.open(io.BytesIO(content), formats=(form,))
