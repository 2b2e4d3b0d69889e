"""Decodes the bytes of an image file into the pixels that MobileNetV2 takes as input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image

from verger_contract.preprocessing import Decoding
from verger_photo import formats
from verger_photo.formats.jpeg import check_first_image
from verger_photo.limits.checks import check, read_header
from verger_photo.limits.guard import every_error_rejects
from verger_photo.limits.sizes import WORKER, Limits
from verger_photo.orientation import exif_orientation, upright, upright_pixels
from verger_photo.rgb import rgb
from verger_photo.unreadable import UnreadablePhoto

__all__ = ["SIDE", "UnreadablePhoto", "decode", "rgb_image", "thumbnail"]

SIDE = 224
"""Height and width of the network's input in pixels."""

Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit raises another error; `limits` checks all sizes instead
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the default is a thread for each core of the node, in each worker


def decode(content: bytes, decoding: Decoding = Decoding.EXACT) -> NDArray[np.uint8]:
    """Decode an image file and resize it to the network's input, without scaling the values.

    The result is upright RGB for every kind of file. The filter of the resize is Pillow's bicubic.

    Returns
    -------
    ndarray of shape (224, 224, 3), uint8

    Raises
    ------
    UnreadablePhoto
        The content is empty, not an image, damaged, too large, or has a pixel type that is not supported.
    """
    with every_error_rejects():
        image, orientation = _rgb_as_stored(content, decoding, WORKER)
        resized = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        # A turn after the resize needs no second copy of a large image. Its pixels differ by rounding at most from
        # those of a turn before the resize.
        return np.ascontiguousarray(upright_pixels(np.asarray(resized), orientation))


def rgb_image(content: bytes, decoding: Decoding = Decoding.EXACT) -> Image.Image:
    """Decode an image file to upright RGB in its own size.

    Raises
    ------
    UnreadablePhoto
        As `decode`.
    """
    with every_error_rejects():
        return upright(*_rgb_as_stored(content, decoding, WORKER))


def thumbnail(content: bytes, side: int, limits: Limits) -> Image.Image:
    """Decode an image file to upright RGB with a longer side of at most `side` pixels. A JPEG is decoded scaled.

    The image consists of pixels only: Pillow would write a comment of the photo, or tags of a TIFF, into a file that is
    saved from it.

    Raises
    ------
    UnreadablePhoto
        As `decode`, but with other limits.
    """
    with every_error_rejects():
        image, orientation = _rgb_as_stored(content, Decoding.SCALED, limits)
        image.thumbnail((side, side))
        return Image.fromarray(np.asarray(upright(image, orientation)))


def _rgb_as_stored(content: bytes, decoding: Decoding, limits: Limits) -> tuple[Image.Image, int]:
    form = formats.format_of(content)
    if form == "JPEG":
        check_first_image(content)
    header = read_header(form, content)
    opened = formats.opened(form, header.content)
    if decoding is Decoding.SCALED:
        opened.image.draft("RGB", (2 * SIDE, 2 * SIDE))  # of the formats, only JPEG decodes at a smaller scale
    check(opened.image, header, limits)
    image = opened.load(opened.image)
    orientation = exif_orientation(image.info.get("exif")) if opened.orientation is None else opened.orientation
    return rgb(image), orientation
