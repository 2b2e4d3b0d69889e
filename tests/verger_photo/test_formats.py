"""Kinds of files that the sweep does not generate."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from tests.verger_photo.drawing import encoded
from tests.verger_photo.sweep.case import HEIGHT, WIDTH, alpha_of, as_rgb, grey_of, on_white, picture
from tests.verger_photo.sweep.tiff_file import Layout, page, tiff
from verger_photo.decode import rgb_image
from verger_photo.unreadable import UnreadablePhoto

PHOTO = Image.fromarray(picture())


def difference(content: bytes, shown: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> float:
    return float(np.abs(np.asarray(rgb_image(content)).astype(int) - shown).mean())


@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4"])
def test_a_fax_is_decoded(compression: str) -> None:
    bits = np.where(grey_of(picture()) > 127, 255, 0).astype(np.uint8)
    content = encoded(Image.fromarray(bits).convert("1", dither=Image.Dither.NONE), "TIFF", compression=compression)
    assert difference(content, as_rgb(bits)) == 0


def test_ycbcr_of_jpeg_2000_is_converted() -> None:
    truth = picture().astype(float)
    luma = truth @ [0.299, 0.587, 0.114]
    chroma = [(truth[..., 2] - luma) / 1.772 + 128, (truth[..., 0] - luma) / 1.402 + 128]
    samples = np.stack([luma, *chroma], axis=-1).round().clip(0, 255).astype(np.uint8)
    content = imagecodecs.jpeg2k_encode(
        samples, codecformat="jp2", colorspace="SYCC", reversible=True, level=0, mct=False
    )
    assert difference(bytes(content), picture()) < 1


@pytest.mark.parametrize("header", [56, 108, 124])
def test_the_alpha_channel_of_a_bmp_file_is_used(header: int) -> None:
    rows = np.dstack([picture()[..., ::-1], alpha_of(picture())])[::-1].tobytes()
    info = struct.pack("<IiiHHIIiiII", header, WIDTH, HEIGHT, 1, 32, 3, len(rows), 0, 0, 0, 0)
    info += struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    start = 14 + header
    content = b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + info.ljust(header, b"\0") + rows
    assert difference(content, on_white(picture(), alpha_of(picture()))) < 1


def test_the_first_image_of_a_multi_picture_file_is_taken() -> None:
    content = encoded(PHOTO, "MPO", save_all=True, append_images=[Image.new("RGB", PHOTO.size)], quality=97)
    assert difference(content, picture()) < 6


def test_a_multi_picture_file_with_a_larger_image_is_a_reject() -> None:
    content = encoded(PHOTO, "MPO", save_all=True, append_images=[Image.new("RGB", (99, 80))])
    with pytest.raises(UnreadablePhoto, match="the first image is smaller than another one"):
        rgb_image(content)


def test_a_multi_picture_file_that_begins_with_a_thumbnail_is_a_reject() -> None:
    content = bytearray(encoded(PHOTO, "MPO", save_all=True, append_images=[PHOTO]))
    start = content.index(b"MPF\0") + 4
    kinds = start + content[start:].index(struct.pack("<HH", 0xB002, 7)) + 8
    entries = start + struct.unpack_from("<I", content, kinds)[0]
    struct.pack_into("<I", content, entries, 0x010001)
    with pytest.raises(UnreadablePhoto, match="marked as a thumbnail"):
        rgb_image(bytes(content))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC or HEIF"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\xff\x0a", "JPEG XL"),
        (b"8BPS\0\1", "Photoshop PSD"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x18ftypcrx ", "Canon CR3 raw"),
        (b"FUJIFILMCCD-RAW 0201", "Fujifilm RAF raw"),
        (b"IIU\0\x18\0\0\0", "Panasonic RW2 raw"),
        (b"IIRO\x08\0\0\0", "Olympus ORF raw"),
    ],
)
def test_other_formats_are_named(content: bytes, name: str) -> None:
    with pytest.raises(UnreadablePhoto, match=f"^not an image .{name} is not one of the accepted formats"):
        rgb_image(content)


def test_a_canon_raw_file_is_named() -> None:
    content = bytearray(tiff([page(picture(), 2, Layout())]))  # the pixels begin at byte 8
    content[8:10] = b"CR"
    with pytest.raises(UnreadablePhoto, match="Canon CR2 raw"):
        rgb_image(bytes(content))


def test_a_clean_aperture_of_avif_is_a_reject() -> None:
    content = encoded(PHOTO, "AVIF").replace(b"pixi", b"clap", 1)
    with pytest.raises(UnreadablePhoto, match="clean aperture"):
        rgb_image(content)


def test_a_malformed_list_of_pictures_is_ignored() -> None:
    content = encoded(PHOTO, "MPO", save_all=True, append_images=[PHOTO], quality=97)
    assert difference(content.replace(b"MPF\0II*", b"MPF\0\xff\xff\xff"), picture()) < 6
