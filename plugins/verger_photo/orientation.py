"""The orientation of a photo: which turn and which reflection make it upright."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

UPRIGHT = 1

TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The operation for each value of the tag Orientation (0x0112). Pillow turns counter-clockwise."""


def exif_orientation(exif: bytes | None) -> int:
    """Return the tag Orientation of an EXIF block.

    XMP is not read. `PIL.Image.Image.getexif` reads it when the EXIF block has no orientation, so that this function
    does not use it.

    Returns
    -------
    int
        1 to 8. 1 if the block has no orientation, if the value is invalid, or if the block is malformed.
    """
    if not exif:
        return UPRIGHT
    tags = Image.Exif()
    try:
        tags.load(exif)
        return valid(tags.get(ExifTags.Base.Orientation))
    except (SyntaxError, struct.error, OSError, TypeError, ValueError, LookupError):  # a malformed block
        return UPRIGHT


def valid(value: object) -> int:
    """Return the orientation, or 1 if it is invalid.

    Examples
    --------
    >>> [valid(value) for value in (6, 0, 9, None, "6")]
    [6, 1, 1, 1, 1]
    """
    return value if isinstance(value, int) and value in TRANSPOSITIONS else UPRIGHT


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn an image upright. An upright image is returned as it is."""
    return image if orientation == UPRIGHT else image.transpose(TRANSPOSITIONS[orientation])


def upright_pixels(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn an array of shape (height, width, 3) upright.

    Examples
    --------
    >>> upright_pixels(np.array([[[1], [2]]], dtype=np.uint8), 6)[..., 0].tolist()
    [[1], [2]]
    >>> upright_pixels(np.array([[[1], [2]]], dtype=np.uint8), 8)[..., 0].tolist()
    [[2], [1]]
    """
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels
