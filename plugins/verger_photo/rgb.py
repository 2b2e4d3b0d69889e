"""From the samples of a decoded image to RGB of 8 bits. The same rules hold for every format."""

from __future__ import annotations

import numpy as np
from PIL import Image

WHITE = (255, 255, 255)
"""The background of transparent pixels."""


def rgb(image: Image.Image) -> Image.Image:
    """Convert an image to RGB. Transparent pixels become white, and samples of 16 bits lose their low byte.

    Colour profiles and gamma are not applied. CMYK is converted by Pillow, without a profile.

    Parameters
    ----------
    image : Image
        A loaded image. Transparency is its alpha channel or `info["transparency"]`: an index of the palette, the
        alpha of each index, or the transparent colour.
    """
    if image.mode.startswith("I;16"):
        return _from_16_bit_grey(image)
    if image.has_transparency_data:
        return _on_white(image if image.mode == "RGBA" else image.convert("RGBA"))
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_16_bit_grey(image: Image.Image) -> Image.Image:
    # Pillow's own conversion clips most values to white.
    samples = np.asarray(image)
    grey = (samples >> 8).astype(np.uint8)
    transparent = image.info.get("transparency")
    if transparent is not None:
        grey[samples == transparent] = 255
    return Image.fromarray(grey).convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    background = Image.new("RGB", image.size, WHITE)
    background.paste(image, mask=image)  # Pillow takes the alpha of an RGBA mask, without a copy
    return background
