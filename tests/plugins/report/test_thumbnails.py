"""Thumbnails of every image format; damaged, huge and missing photos do not fail the report."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from verger.report.pictures.thumbnails import MOST_BYTES, SIDE, NotDrawnError, draw, thumbnail

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def encoded(image_format: str, mode: str = "RGB", size: tuple[int, int] = (300, 200), **how: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, 120 if mode in ("L", "P") else None).save(buffer, image_format, **how)
    return buffer.getvalue()


def decoded(uri: str) -> Image.Image:
    kind, _, data = uri.partition(",")
    assert kind == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data)))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header declares so many pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("image_format", "mode"),
    [("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "LA"), ("GIF", "L"), ("WEBP", "RGB")],
)
def test_every_format_becomes_a_small_jpeg(image_format: str, mode: str) -> None:
    with decoded(draw(encoded(image_format, mode))) as image:
        assert image.mode == "RGB"
        assert image.size == (SIDE, SIDE * 2 // 3)


def test_a_transparent_image_gets_a_white_ground() -> None:
    with decoded(draw(encoded("PNG", "RGBA"))) as image:
        assert image.getpixel((5, 5)) == (255, 255, 255)


def test_a_photo_is_shown_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with decoded(draw(encoded("PNG", exif=exif))) as image:
        assert image.size == (SIDE * 2 // 3, SIDE)


def test_a_large_jpeg_is_decoded_at_a_reduced_scale() -> None:
    with decoded(draw(encoded("JPEG", "L", (9000, 6000)))) as image:
        assert image.size == (SIDE, SIDE * 2 // 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"no image", "not an image"),
        (encoded("JPEG")[:700], "damaged image"),
        (bomb(6000, 6000), "image too large .6000 x 6000 pixels of this kind"),
        (encoded("JPEG", "RGB", (6000, 6000), progressive=True), "image too large .750 x 750 pixels of this kind"),
        (bomb(60_000, 60_000), "image too large .60000 x 60000 = 3,600,000,000 pixels"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image .PostScript"),
    ],
)
def test_an_image_that_cannot_be_drawn_gives_the_reason(content: bytes, reason: str) -> None:
    with pytest.raises(NotDrawnError, match=reason):
        draw(content)


def test_a_photo_that_cannot_be_read_gives_the_reason(client: S3Client, bucket: str) -> None:
    client.put_object(Bucket=bucket, Key="images/Kiwi/large.jpg", Body=b"\0" * (MOST_BYTES + 1))
    large = thumbnail(client, bucket, "images/Kiwi/large.jpg", "Kiwi")
    assert (large.picture, large.why_not) == (None, "17 MB, too large for this page")
    missing = thumbnail(client, bucket, "images/Kiwi/missing.jpg", "Kiwi")
    assert (missing.picture, missing.why_not) == (None, "cannot be read (NoSuchKey)")
