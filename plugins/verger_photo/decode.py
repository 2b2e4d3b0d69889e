"""Decodes the bytes of an image file into the pixels that MobileNetV2 takes as input."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from verger_contract.errors import one_line
from verger_contract.preprocessing import Decoding
from verger_contract.reasons import RejectKind
from verger_photo.formats import signatures
from verger_photo.orientation import exif_orientation, upright, upright_pixels
from verger_photo.rgb import rgb
from verger_photo.unreadable import UnreadablePhoto

SIDE = 224
"""Height and width of the network's input in pixels."""

MAX_BYTES = 256 * 1024 * 1024
"""Maximum size of a file. Larger files are videos or archives. They are not downloaded."""

MAX_PIXELS = 100_000_000
"""Maximum number of pixels, against decompression bombs. An image of this size takes 0.4 GB in a worker, and 0.8 GB
while Pillow converts it from RGBA or CMYK to RGB (measured with Pillow 13). A WebP file of this size takes 1.6 GB."""

Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit raises another error; `_opened` checks MAX_PIXELS instead


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
    image, orientation = _rgb_as_stored(content, decoding)
    resized = image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    # A turn after the resize needs no second copy of a large image. Its pixels differ by rounding at most from those
    # of a turn before the resize.
    return np.ascontiguousarray(upright_pixels(np.asarray(resized), orientation))


def rgb_image(content: bytes, decoding: Decoding = Decoding.EXACT) -> Image.Image:
    """Decode an image file to upright RGB in its own size.

    Raises
    ------
    UnreadablePhoto
        As `decode`.
    """
    return upright(*_rgb_as_stored(content, decoding))


def _rgb_as_stored(content: bytes, decoding: Decoding) -> tuple[Image.Image, int]:
    try:
        image = _opened(content)
        if decoding is Decoding.SCALED:
            image.draft("RGB", (2 * SIDE, 2 * SIDE))  # of the formats, only JPEG decodes at a smaller scale
        image.load()
        return rgb(image), exif_orientation(image.info.get("exif"))
    except (UnreadablePhoto, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UnreadablePhoto(RejectKind.DAMAGED_IMAGE, "the header cannot be read") from error
    except Exception as error:
        # For a damaged file, Pillow's plugins raise many types: OSError, SyntaxError, ValueError, struct.error,
        # RuntimeError and more. A damaged photo becomes a reject and does not end the run.
        raise UnreadablePhoto(RejectKind.DAMAGED_IMAGE, one_line(error) or type(error).__name__) from error


def _opened(content: bytes) -> Image.Image:
    image: Image.Image = Image.open(io.BytesIO(content), formats=(signatures.format_of(content),))
    width, height = image.size
    if width * height > MAX_PIXELS:
        found = f"{width} x {height} = {width * height:,} pixels"
        raise UnreadablePhoto(RejectKind.IMAGE_TOO_LARGE, f"{found}, the limit is {MAX_PIXELS:,}")
    return image
