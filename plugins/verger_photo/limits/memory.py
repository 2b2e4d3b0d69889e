"""The memory that an image takes from the file to the input of the network.

`make bench-decoding` measures the peak memory of a process for each kind of file and compares it with `peak`.
"""

from __future__ import annotations

from PIL import Image

from verger_photo.limits.headers.header import Header
from verger_photo.limits.sizes import MIB

STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Bytes that Pillow takes for a pixel of an image. All other modes take 4."""

OTHER_STORED = 4

AS_RGB = {"RGB": 4, "1": 5, "L": 5, "P": 5, "CMYK": 8, "RGBA": 8, "I;16": 9, "I;16B": 9, "I;16L": 9}
"""Bytes that a pixel takes while the image is converted to RGB, with the image itself. All other modes take 13: the
image, its RGBA copy, the RGB image and the alpha channel."""

OTHER_AS_RGB = 13

RESIZE_ROW, RESIZE_SIDE = 224 * 4, 32
"""Bytes that the resize takes for each row: 224 pixels; and for each column and row: the weights of the filter."""

BLOCKS = 18 * MIB
"""Pillow allocates images in blocks of 16 MiB."""


def peak(image: Image.Image, header: Header) -> int:
    """Return an upper bound of the bytes that a file and its decoding take at the same time.

    Parameters
    ----------
    image : Image
        An image that is opened, but not loaded yet.
    header : Header
    """
    width, height = image.size
    decoding = width * height * (STORED.get(image.mode, OTHER_STORED) + header.per_pixel) + header.fixed
    converting = width * height * _as_rgb(image) + height * RESIZE_ROW
    return int(len(header.content) + max(decoding, converting) + (width + height) * RESIZE_SIDE + BLOCKS)


def _as_rgb(image: Image.Image) -> int:
    if "transparency" in image.info:
        return OTHER_AS_RGB
    return AS_RGB.get(image.mode, OTHER_AS_RGB)
