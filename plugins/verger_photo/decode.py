"""Decodes the bytes of an image file into the pixels that MobileNetV2 takes as input."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from verger_contract.errors import one_line
from verger_contract.photos import IMAGE_FORMATS
from verger_contract.preprocessing import Decoding
from verger_contract.reasons import RejectKind, reason

SIDE = 224
"""Height and width of the network's input in pixels."""

MAX_BYTES = 256 * 1024 * 1024
"""Maximum size of a file. Larger files are videos or archives. They are not downloaded."""

MAX_PIXELS = 100_000_000
"""Maximum number of pixels, against decompression bombs. An image of this size takes 0.4 GB in a worker, and 0.8 GB
while Pillow converts it from RGBA or CMYK to RGB (measured with Pillow 13). A WebP file of this size takes 1.6 GB."""

Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit raises another error; `rgb_image` checks MAX_PIXELS instead


class UnreadablePhoto(Exception):
    """A photo has no features. `str()` is the text of the column `reason`.

    Parameters
    ----------
    kind : RejectKind
        The value of the column `kind`.
    detail : str
        What was found, in words.

    Examples
    --------
    >>> str(UnreadablePhoto(RejectKind.NOT_AN_IMAGE, "no known format"))
    'not an image (no known format)'
    """

    def __init__(self, kind: RejectKind, detail: str = "") -> None:
        super().__init__(reason(kind, detail))
        self.kind = kind


def decode(content: bytes, decoding: Decoding = Decoding.EXACT) -> NDArray[np.uint8]:
    """Decode an image file and resize it to the network's input, without scaling the values.

    The result is RGB for every mode of the file. The EXIF orientation is ignored. Of an animation the first frame is
    taken. The filter of the resize is Pillow's bicubic.

    Returns
    -------
    ndarray of shape (224, 224, 3), uint8

    Raises
    ------
    UnreadablePhoto
        The content is empty, not an image, damaged, or larger than ``MAX_PIXELS``.
    """
    if not content:
        raise UnreadablePhoto(RejectKind.EMPTY_FILE, "0 bytes")
    return np.asarray(rgb_image(content, decoding).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def rgb_image(content: bytes, decoding: Decoding = Decoding.EXACT) -> Image.Image:
    """Decode an image file to RGB in its own size.

    Raises
    ------
    UnreadablePhoto
        As `decode`.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(content), formats=IMAGE_FORMATS)
        width, height = image.size
        if width * height > MAX_PIXELS:
            found = f"{width} x {height} = {width * height:,} pixels"
            raise UnreadablePhoto(RejectKind.IMAGE_TOO_LARGE, f"{found}, the limit is {MAX_PIXELS:,}")
        if decoding is Decoding.SCALED:
            image.draft("RGB", (2 * SIDE, 2 * SIDE))  # of the formats, only JPEG decodes at a smaller scale
        image.load()
        if image.mode.startswith("I;16"):  # 16-bit grey: Pillow's own conversion clips most values to white
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        return image if image.mode == "RGB" else image.convert("RGB")
    except UnidentifiedImageError as error:
        found = f"no known image format, begins with {content[:12]!r}"
        raise UnreadablePhoto(RejectKind.NOT_AN_IMAGE, found) from error
    except (UnreadablePhoto, MemoryError):
        raise
    except Exception as error:
        # For a damaged file, Pillow's plugins raise many types: OSError, SyntaxError, ValueError, struct.error,
        # RuntimeError and more. A damaged photo becomes a reject and does not end the run.
        raise UnreadablePhoto(RejectKind.DAMAGED_IMAGE, one_line(error) or type(error).__name__) from error
