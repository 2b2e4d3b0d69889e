"""Thumbnails of photos as data: URIs. A photo that cannot be drawn has no thumbnail; the report is written anyway."""

from __future__ import annotations

import base64
import io
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from verger.s3.clients import error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger(__name__)

SIDE = 120
"""Pixels of the longer side."""

QUALITY = 72

MOST_BYTES = 16 * 1024 * 1024
"""A larger file is not fetched."""

SMALL_SIDE = 56
SMALL_BYTES = 1024 * 1024
SMALL_SECONDS = 20.0
PARALLEL = 8
"""Limits of the thumbnails on the map: pixels, bytes of a file, seconds for all, photos read at the same time."""

MOST_MEMORY = 96 * 1024 * 1024
"""Bytes that a photo and its decoding take at most in an Airflow worker. A JPEG may be large, because it is decoded at
a reduced scale, unless it is progressive: then the decoder holds the coefficients of all pixels.
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


def small(s3: S3Client, bucket: str, paths: Sequence[str]) -> dict[str, str]:
    """Return small thumbnails as data: URIs by path. Photos that cannot be drawn, or are large files, are left out.

    Photos are read in parallel. Those that are not drawn after SMALL_SECONDS are left out too.
    """
    deadline = time.monotonic() + SMALL_SECONDS

    def one(path: str) -> str | None:
        if time.monotonic() > deadline:
            return None
        try:
            return draw(read(s3, bucket, path, SMALL_BYTES), SMALL_SIDE)
        except NotDrawnError:
            return None

    with ThreadPoolExecutor(PARALLEL) as pool:
        drawn = zip(paths, pool.map(one, paths), strict=True)
        return {path: picture for path, picture in drawn if picture}


def read(s3: S3Client, bucket: str, path: str, most: int = MOST_BYTES) -> bytes:
    """Return the content of a photo of at most `most` bytes.

    Raises
    ------
    NotDrawnError
        The photo is too large, or S3 returned an error.
    """
    try:
        answer = s3.get_object(Bucket=bucket, Key=path)
        size = answer["ContentLength"]
        if size > most:
            answer["Body"].close()
            raise NotDrawnError(f"{size / 1e6:,.0f} MB, too large for this page")
        return bytes(answer["Body"].read())
    except NotDrawnError:
        raise
    except Exception as error:  # an error of one photo, whatever it is, must not fail the report
        log.info("s3://%s/%s: not drawn in the report: %s", bucket, path, error)
        raise NotDrawnError(f"cannot be read ({error_code(error) or type(error).__name__})") from error


def draw(content: bytes, side: int = SIDE) -> str:
    """Return a JPEG of at most `side` pixels, as a data: URI. Raises NotDrawnError, see `jpeg`."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg(content, side)).decode()}"


def jpeg(content: bytes, side: int = SIDE) -> bytes:
    """Return a JPEG of at most `side` pixels.

    The photo is decoded as step 1 decodes it: upright, and white where it is transparent. The size in the header of the
    image is checked before any pixel is decoded.

    Raises
    ------
    NotDrawnError
        Step 1 would reject the content, or it is too large to be drawn here. The message is the reason.
    """
    from verger_photo.decode import thumbnail as decoded
    from verger_photo.limits.sizes import Limits
    from verger_photo.unreadable import UnreadablePhoto

    try:
        drawn = decoded(content, side, Limits(memory=MOST_MEMORY))
    except UnreadablePhoto as reason:
        raise NotDrawnError(str(reason)) from reason
    buffer = io.BytesIO()
    drawn.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()
