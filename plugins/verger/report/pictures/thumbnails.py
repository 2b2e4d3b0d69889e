"""Small pictures of photos, as data: URIs. A photo that cannot be drawn costs its picture, never the report."""

from __future__ import annotations

import base64
import io
import logging
from dataclasses import dataclass
from typing import Any

from verger.s3.clients import error_code
from verger_contract.photos import IMAGE_FORMATS

log = logging.getLogger(__name__)

SIDE = 120
"""Pixels of the longer side."""

QUALITY = 72

MOST_BYTES = 16 * 1024 * 1024
"""A larger file is not fetched."""

MOST_PIXELS = 12_000_000
"""What is decoded at the most: 50 MB of memory. A JPEG is decoded at an eighth of its size, and may be larger; but of a
progressive one the decoder holds every pixel's coefficients first.
"""


class NotDrawnError(Exception):
    """Why there is no picture, in words for the report."""


@dataclass(frozen=True)
class Thumbnail:
    """A photo of the report: its path, what is written under it, and its picture, or why there is none."""

    path: str
    words: str
    picture: str | None
    why_not: str = ""


def thumbnail(s3: Any, bucket: str, path: str, words: str) -> Thumbnail:
    """Fetch and draw one photo. Never raises for anything that is wrong with the photo."""
    try:
        return Thumbnail(path, words, draw(fetch(s3, bucket, path)))
    except NotDrawnError as reason:
        return Thumbnail(path, words, None, str(reason))


def fetch(s3: Any, bucket: str, path: str) -> bytes:
    """The photo's bytes. Raises NotDrawnError."""
    try:
        answer = s3.get_object(Bucket=bucket, Key=path)
        size = answer["ContentLength"]
        if size > MOST_BYTES:
            answer["Body"].close()
            raise NotDrawnError(f"{size / 1e6:,.0f} MB, too large to be fetched for this page")
        return bytes(answer["Body"].read())
    except NotDrawnError:
        raise
    except Exception as error:  # whatever the store, or the way to it, has against this one photo
        log.info("s3://%s/%s: not drawn in the report: %s", bucket, path, error)
        raise NotDrawnError(f"cannot be fetched ({error_code(error) or type(error).__name__})") from error


def draw(content: bytes) -> str:
    """A JPEG of SIDE pixels at the most, as a data: URI. Raises NotDrawnError.

    What a photo says of its size is checked before anything is decoded.
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
        raise NotDrawnError("not an image, as far as can be told here") from error
    except Image.DecompressionBombError as error:
        raise NotDrawnError("too large to be drawn here") from error
    except Exception as error:  # decoders raise whatever they like at what is damaged
        log.debug("not drawn in the report: %r", error)  # the report says it, beside the photo
        raise NotDrawnError("damaged: cannot be drawn") from error
    buffer = io.BytesIO()
    drawn.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _rgb(image: Any) -> Any:
    """On white where it is transparent."""
    from PIL import Image

    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    ground = Image.new("RGBA", image.size, "white")
    ground.alpha_composite(image.convert("RGBA"))
    return ground.convert("RGB")
