"""From the bytes of an image file to the pixels that MobileNetV2 looks at."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from verger_contract.reasons import RejectKind, reason
from verger_spark.errors import one_line

SIDE = 224
"""Height and width of the network's input, pixels."""

MAX_BYTES = 256 * 1024 * 1024
"""Above this an object is no photo but a film or an archive: it is not even fetched."""

MAX_PIXELS = 100_000_000
"""Above this a file is taken for a decompression bomb: decoded it would need 300 MB in every worker."""

Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit, which it enforces with other words; ours is checked on opening

# Formats that photographs come in. Pillow knows more, among them EPS, for which it starts Ghostscript.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF")


class UnreadablePhoto(Exception):
    """A photo that gives no vector, and why: `kind` is the class of the reason, `str()` the whole reason.

    >>> str(UnreadablePhoto(RejectKind.NOT_AN_IMAGE, "no known format"))
    'not an image (no known format)'
    """

    def __init__(self, kind: RejectKind, detail: str = "") -> None:
        super().__init__(reason(kind, detail))
        self.kind = kind


def decode(content: bytes) -> NDArray[np.uint8]:
    """Decode an image file as the network wants it, but for the scale of its values.

    RGB whatever the file's mode, orientation as stored, first frame of an animation, resized to 224x224
    with Pillow's bicubic filter.

    Returns
    -------
    array of shape (224, 224, 3), uint8

    Raises
    ------
    UnreadablePhoto
        Empty, not an image, truncated or otherwise damaged, or larger than ``MAX_PIXELS``.
    """
    if not content:
        raise UnreadablePhoto(RejectKind.EMPTY_FILE, "0 bytes")
    return np.asarray(_rgb(content).resize((SIDE, SIDE), Image.Resampling.BICUBIC))


def _rgb(content: bytes) -> Image.Image:
    try:
        image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
        width, height = image.size
        if width * height > MAX_PIXELS:
            found = f"{width} x {height} = {width * height:,} pixels"
            raise UnreadablePhoto(RejectKind.IMAGE_TOO_LARGE, f"{found}, the limit is {MAX_PIXELS:,}")
        image.load()
        if image.mode.startswith("I;16"):  # 16-bit grey: Pillow's own conversion would clip it to white
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        return image if image.mode == "RGB" else image.convert("RGB")
    except UnidentifiedImageError as error:
        raise UnreadablePhoto(
            RejectKind.NOT_AN_IMAGE, f"no known image format, begins with {content[:12]!r}"
        ) from error
    except (UnreadablePhoto, MemoryError):
        raise
    except Exception as error:
        # Pillow's plugins raise whatever comes up when a file is damaged: OSError, SyntaxError, ValueError,
        # struct.error, RuntimeError and more. One such photo must not end a run.
        raise UnreadablePhoto(RejectKind.DAMAGED_IMAGE, one_line(error) or type(error).__name__) from error
