"""Thumbnails of photos as data: URIs. A photo that cannot be drawn has no thumbnail; the report is written anyway."""

from __future__ import annotations

import base64
import io
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verger.s3.clients import error_code
from verger_contract.photos import IMAGE_FORMATS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from PIL.Image import Image as PILImage

log = logging.getLogger(__name__)

SIDE = 120
"""Pixels of the longer side."""

QUALITY = 72

MOST_BYTES = 16 * 1024 * 1024
"""A larger file is not fetched."""

MOST_PIXELS = 12_000_000
"""Largest image that is decoded, which takes 50 MB of memory. A JPEG may be larger, because it is decoded at a reduced
scale, unless it is progressive: then the decoder holds the coefficients of all pixels.
"""


class NotDrawnError(Exception):
    """A photo cannot be drawn; the message is the reason that the report shows."""


@dataclass(frozen=True)
class Thumbnail:
    """A photo of the report: its path, its caption, and its picture or the reason why there is none."""

    path: str
    caption: str
    picture: str | None
    why_not: str = ""


def thumbnail(s3: S3Client, bucket: str, path: str, caption: str) -> Thumbnail:
    """Read and draw one photo. An error of the photo is recorded in the result."""
    try:
        return Thumbnail(path, caption, draw(read(s3, bucket, path)))
    except NotDrawnError as reason:
        return Thumbnail(path, caption, None, str(reason))


def read(s3: S3Client, bucket: str, path: str) -> bytes:
    """Return the content of a photo.

    Raises
    ------
    NotDrawnError
        The photo is too large, or S3 returned an error.
    """
    try:
        answer = s3.get_object(Bucket=bucket, Key=path)
        size = answer["ContentLength"]
        if size > MOST_BYTES:
            answer["Body"].close()
            raise NotDrawnError(f"{size / 1e6:,.0f} MB, too large for this page")
        return bytes(answer["Body"].read())
    except NotDrawnError:
        raise
    except Exception as error:  # an error of one photo, whatever it is, must not fail the report
        log.info("s3://%s/%s: not drawn in the report: %s", bucket, path, error)
        raise NotDrawnError(f"cannot be read ({error_code(error) or type(error).__name__})") from error


def draw(content: bytes) -> str:
    """Return a JPEG of at most SIDE pixels, as a data: URI.

    The size in the header of the image is checked before any pixel is decoded.

    Raises
    ------
    NotDrawnError
        The content is no image, or a damaged or too large one.
    """
    from PIL import Image, UnidentifiedImageError

    if not content:
        raise NotDrawnError("empty file")
    try:
        with Image.open(io.BytesIO(content), formats=IMAGE_FORMATS) as image:
            if not image.info.get("progressive"):
                image.draft("RGB", (SIDE, SIDE))
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise NotDrawnError(f"{width:,} × {height:,} pixels, too large to be drawn here")
            drawn = _rgb(image)
            drawn.thumbnail((SIDE, SIDE))
    except NotDrawnError:
        raise
    except UnidentifiedImageError as error:
        raise NotDrawnError("not an image") from error
    except Image.DecompressionBombError as error:
        raise NotDrawnError("too large to be drawn here") from error
    except Exception as error:  # decoders raise many types of errors for damaged images
        log.debug("not drawn in the report: %r", error)
        raise NotDrawnError("damaged: cannot be drawn") from error
    buffer = io.BytesIO()
    drawn.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _rgb(image: PILImage) -> PILImage:
    """Convert to RGB, on a white ground where the image is transparent."""
    from PIL import Image

    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image.convert("RGBA"))
    return ground.convert("RGB")
