"""Files that would take too much memory or time are rejected; large metadata is not."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import AvifImagePlugin, Image, ImageFile

from sample_photos.formats import KINDS, PNG_RGB, picture, png, png_chunk, tiff
from verger_contract.reasons import RejectKind
from verger_photo.decode import decode, thumbnail
from verger_photo.limits.sizes import MIB, Limits
from verger_photo.unreadable import UnreadablePhoto

PICTURE = picture(300, 200)
PIXELS = np.asarray(PICTURE)


def jpeg(image: Image.Image = PICTURE, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, **options)
    return buffer.getvalue()


def flat_png(width: int, height: int, depth: int = 1, colour_type: int = 0) -> bytes:
    """A valid PNG of few bytes."""
    channels = {0: 1, 6: 4}[colour_type]
    row = bytes(1 + (width * depth * channels + 7) // 8)
    compress = zlib.compressobj(9)
    data = b"".join([*(compress.compress(row) for _ in range(height)), compress.flush()])
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def after_start(content: bytes, *segments: bytes) -> bytes:
    return content[:2] + b"".join(segments) + content[2:]


def repeated_scan(content: bytes, times: int) -> bytes:
    """Repeat the last scan of a progressive JPEG."""
    start = content.rindex(b"\xff\xda")
    return content[:-2] + content[start:-2] * times + content[-2:]


def one_huge_tile() -> bytes:
    tile = struct.pack("<HHII", 322, 4, 1, 16)
    content = tiff(np.zeros((10, 10, 3), np.uint8), tile=(16, 16))
    assert tile in content
    huge = content.replace(tile, struct.pack("<HHII", 322, 4, 1, 40_000))
    return huge.replace(struct.pack("<HHII", 323, 4, 1, 16), struct.pack("<HHII", 323, 4, 1, 40_000))


def many_comments() -> bytes:
    return b"P3\n2 2\n255\n" + b"#\n" * 200_000 + b" 1" * 12


def rejected() -> Iterator[tuple[str, bytes, str]]:
    yield "one long row", flat_png(70_000_000, 1), "the limit of a side is 65,535"
    yield "one long column", flat_png(1, 66_000), "the limit of a side is 65,535"
    yield "many pixels", flat_png(20_000, 20_000), "20000 x 20000 = 400,000,000 pixels, the limit is 100,000,000"
    yield "a PNG of 81 megapixels with alpha", flat_png(9000, 9000, 8, 6), "MiB, the limit is 448 MiB"
    yield "a TIFF with one huge tile", one_huge_tile(), "MiB, the limit is 448 MiB"
    yield "a PPM with many comments", many_comments(), "more than 100 comments"
    yield "a PPM with a long header", b"P6\n#" + b"x" * 100_000 + b"\n1 1\n255\nabc", "the header has more than"
    yield "many PNG chunks", png(PIXELS, PNG_RGB, png_chunk(b"tEXt", b"") * 100_001), "more than 100,000 chunks"
    yield "many JPEG segments", after_start(jpeg(), segment(0xFE, b"") * 100_001), "more than 100,000 segments"
    yield (
        "bytes between JPEG segments",
        after_start(jpeg(), segment(0xFE, b""), b"\0" * 200_000),
        "more than 100,000 segments",
    )
    avif, box = KINDS["AVIF, 4:2:0"](PICTURE), struct.pack(">I4s", 8, b"free")
    start = int.from_bytes(avif[:4], "big")
    yield "many AVIF boxes", avif[:start] + box * 100_001 + avif[start:], "more than 100,000 boxes"
    yield "many scans", repeated_scan(jpeg(progressive=True), 20_000), "scans of 300 x 200 pixels"


CASES = list(rejected())


@pytest.mark.parametrize(("name", "content", "reason"), CASES, ids=[name for name, _, _ in CASES])
def test_a_file_that_takes_too_much_is_rejected_at_once(name: str, content: bytes, reason: str) -> None:
    with pytest.raises(UnreadablePhoto) as unreadable:
        decode(content)
    assert unreadable.value.kind is RejectKind.IMAGE_TOO_LARGE, name
    assert reason in str(unreadable.value)


TEXT = b"k\0" + b"x" * 3_000_000
LARGE_METADATA = {
    "PNG, tEXt": png(PIXELS, PNG_RGB, png_chunk(b"tEXt", TEXT)),
    "PNG, zTXt of 100 MB": png(PIXELS, PNG_RGB, png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(100_000_000), 9))),
    "PNG, iTXt": png(PIXELS, PNG_RGB, png_chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(bytes(3_000_000)))),
    "PNG, iCCP": png(PIXELS, PNG_RGB, png_chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(3_000_000)))),
    "PNG, text after the pixels": png(PIXELS, PNG_RGB)[:-12] + png_chunk(b"tEXt", TEXT) + png_chunk(b"IEND", b""),
}


def test_a_png_with_large_metadata_has_the_same_pixels() -> None:
    right = decode(png(PIXELS, PNG_RGB))
    for name, content in LARGE_METADATA.items():
        np.testing.assert_array_equal(decode(content), right, err_msg=name)


def test_a_jpeg_with_large_metadata_has_the_same_pixels_and_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    content = jpeg(exif=exif)
    many = [segment(0xE1, b"Exif\0\0" + bytes(60_000))] * 300 + [segment(0xE2, b"ICC_PROFILE\0" + bytes(60_000))] * 30
    first = content.index(b"\xff\xe1")
    end = first + 2 + int.from_bytes(content[first + 2 : first + 4], "big")
    np.testing.assert_array_equal(decode(content[:end] + b"".join(many) + content[end:]), decode(content))


def test_a_gif_with_a_large_comment_has_the_same_pixels() -> None:
    content = KINDS["GIF, transparent"](PICTURE)
    start = 13 + (3 << (content[10] & 7) + 1)  # after the palette
    comment = b"\x21\xfe" + (b"\xff" + bytes(255)) * 20_000 + b"\0"
    np.testing.assert_array_equal(decode(content[:start] + comment + content[start:]), decode(content))


@pytest.mark.parametrize("stage", ["load", "resize", "convert"])
def test_a_decoder_without_memory_is_a_reject(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = KINDS["PNG, grey"](PICTURE)

    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile if stage == "load" else Image.Image, stage, fails)
    with pytest.raises(UnreadablePhoto) as unreadable:
        decode(content)
    assert unreadable.value.kind is RejectKind.IMAGE_TOO_LARGE


def test_a_scaled_jpeg_may_be_larger_than_an_exact_one() -> None:
    large = jpeg(Image.new("L", (9000, 9000)))
    limits = Limits(memory=32 * MIB)
    assert thumbnail(large, 120, limits).size == (120, 120)
    with pytest.raises(UnreadablePhoto, match="the limit is 32 MiB"):
        thumbnail(jpeg(Image.new("RGB", (3000, 3000)), progressive=True), 120, limits)


def test_avif_is_decoded_by_one_thread() -> None:
    assert AvifImagePlugin.DEFAULT_MAX_THREADS == 1
