"""GIF: the first frame, on a transparent canvas."""

from __future__ import annotations

from PIL import Image

from verger_photo.formats.accepted import OPAQUE, PALETTE, PixelType, check
from verger_photo.formats.opened import Opened, by_pillow


def opened(content: bytes) -> Opened:
    """Open a GIF file. Pixels of the canvas that the first frame does not cover are transparent, as in browsers."""
    check(PixelType("GIF", PALETTE, 8, OPAQUE))
    return Opened(by_pillow(content, "GIF"), load=_load)


def _load(image: Image.Image) -> Image.Image:
    extents = image.tile[0].extents  # type: ignore[attr-defined]
    image.load()
    if extents == (0, 0, *image.size):
        return image
    canvas = Image.new("RGBA", image.size)
    canvas.paste(image.convert("RGBA").crop(extents), extents)
    return canvas
