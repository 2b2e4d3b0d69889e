"""The pixel type of a page of a TIFF file, from its tags. Contradicting tags are rejects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from verger_photo.formats.accepted import (
    CMYK,
    FLOAT,
    GREY,
    INVERTED,
    OPAQUE,
    PALETTE,
    PIXELS,
    PLANES,
    PREMULTIPLIED,
    RGB,
    SIGNED,
    STRAIGHT,
    UNSIGNED,
    UNUSED,
    YCBCR,
    PixelType,
    not_supported,
)  # fmt: skip
from verger_photo.formats.tiff.directory import Directory, damaged

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, SAMPLES = 256, 257, 258, 259, 262, 266, 277
STRIP_OFFSETS, ROWS_PER_STRIP, PLANAR, PREDICTOR, COLOR_MAP = 273, 278, 284, 317, 320
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, INK_SET, EXTRA_SAMPLES, SAMPLE_FORMAT = 322, 323, 324, 332, 338, 339
IMAGE_DEPTH, TILE_DEPTH = 32997, 32998

PHOTOMETRICS = {
    0: (INVERTED, 1), 1: (GREY, 1), 2: (RGB, 3), 3: (PALETTE, 1), 4: ("transparency mask", 1), 5: (CMYK, 4),
    6: (YCBCR, 3), 8: ("CIELab", 3), 9: ("ICCLab", 3), 10: ("ITULab", 3), 32803: ("colour filter array", 1),
    32844: ("LogL", 1), 32845: ("LogLuv", 3), 34892: ("linear raw", 3), 51177: ("depth map", 1),
}  # fmt: skip
"""Name and number of the colour samples."""

COMPRESSIONS = {
    1: "uncompressed", 2: "CCITT", 3: "CCITT", 4: "CCITT", 5: "LZW", 6: "old JPEG", 7: "JPEG", 8: "deflate",
    32773: "PackBits", 32946: "deflate", 34925: "LZMA", 50000: "ZSTD", 50001: "WebP", 34712: "JPEG 2000",
    33003: "JPEG 2000", 33005: "JPEG 2000", 34887: "LERC", 52546: "JPEG XL", 50002: "JPEG XL", 34892: "lossy JPEG",
    34676: "SGI log", 34677: "SGI log", 32809: "ThunderScan", 32766: "NeXT", 9: "JBIG", 34661: "JBIG",
}  # fmt: skip
WITH_PREDICTOR = ("LZW", "deflate", "LZMA", "ZSTD")

SAMPLE_FORMATS = {1: UNSIGNED, 2: SIGNED, 3: FLOAT, 4: "undefined", 5: "complex integer", 6: "complex float"}
Value = TypeVar("Value")

ALPHAS = {0: UNUSED, 1: PREMULTIPLIED, 2: STRAIGHT}


def pixel_type(page: Directory) -> PixelType:
    """Return the pixel type of a page.

    Raises
    ------
    UnreadablePhoto
        A tag is missing, has an unknown value, or contradicts another one.
    """
    samples = page.integer(SAMPLES, 1)
    if PHOTOMETRIC not in page.entries:
        raise not_supported("TIFF, no tag PhotometricInterpretation")
    colour, colours = _known(page.integer(PHOTOMETRIC, 0), PHOTOMETRICS, "photometric")
    coding = _known(page.integer(COMPRESSION, 1), COMPRESSIONS, "compression")
    planes = samples > 1 and _known(page.integer(PLANAR, 1), {1: False, 2: True}, "planar configuration")
    found = PixelType(
        "TIFF",
        colour,
        _same(page, BITS, 1, samples),
        _alpha(page, samples - colours),
        coding,
        PLANES if planes else PIXELS,
        _known(_same(page, SAMPLE_FORMAT, 1, samples), SAMPLE_FORMATS, "sample format"),
    )
    _check_order_of_bits(page, found)
    _check_colours(page, found)
    _check_blocks(page, samples if planes else 1)
    return found


def _known(value: int, values: Mapping[int, Value], name: str) -> Value:
    if value not in values:
        raise not_supported(f"TIFF, {name} {value}")
    return values[value]


def _same(page: Directory, tag: int, default: int, samples: int) -> int:
    """Return the value of a tag that has one value for each sample, or one for all."""
    values = page.integers(tag, (default,))
    if len(values) not in (1, samples):
        raise damaged(f"tag {tag} has {len(values)} values for {samples} samples")
    if len(set(values)) != 1:
        raise not_supported(f"TIFF, samples of different types: {values}")
    return values[0]


def _alpha(page: Directory, expected: int) -> str:
    extra = page.integers(EXTRA_SAMPLES)
    if len(extra) != expected or expected > 1:
        raise not_supported(f"TIFF, {expected} samples besides the colours, and {len(extra)} in the tag ExtraSamples")
    return _known(extra[0], ALPHAS, "extra sample") if extra else OPAQUE


def _check_order_of_bits(page: Directory, found: PixelType) -> None:
    order, predictor = page.integer(FILL_ORDER, 1), page.integer(PREDICTOR, 1)
    if order != 1 and (order != 2 or found.bits != 1):
        raise not_supported(f"{found}, fill order {order}")
    if predictor != 1 and (predictor != 2 or found.coding not in WITH_PREDICTOR or found.bits not in (8, 16)):
        raise not_supported(f"{found}, predictor {predictor}")
    if page.integer(IMAGE_DEPTH, 1) != 1 or page.integer(TILE_DEPTH, 1) != 1:
        raise not_supported(f"{found}, several slices")
    if page.integer(PLANAR, 1) != 1 and found.order == PIXELS:
        raise not_supported(f"{found}, one sample in planes")


def _check_colours(page: Directory, found: PixelType) -> None:
    if found.colour == CMYK and page.integer(INK_SET, 1) != 1:
        raise not_supported(f"{found}, inks other than CMYK")
    if found.colour == PALETTE and found.bits <= 8:
        colours = page.integers(COLOR_MAP)
        if len(colours) != 3 * 2**found.bits:
            raise damaged(f"the colour map has {len(colours)} values, {3 * 2**found.bits} expected")
        if max(colours) < 256 and any(colours):
            raise not_supported(f"{found}, a colour map of 8 bits")


def _check_blocks(page: Directory, planes: int) -> None:
    """Check that there are as many strips or tiles as the size needs. With fewer of them, the rest would be black."""
    width, height = page.integer(WIDTH, 0), page.integer(HEIGHT, 0)
    tiled = TILE_OFFSETS in page.entries or TILE_WIDTH in page.entries
    if tiled and STRIP_OFFSETS in page.entries:
        raise not_supported("TIFF, strips and tiles in one page")
    columns = page.integer(TILE_WIDTH, 0) if tiled else width
    rows = page.integer(TILE_LENGTH, 0) if tiled else page.integer(ROWS_PER_STRIP, height)
    if not all((width, height, columns, rows)):
        raise damaged(f"{width} x {height} pixels in blocks of {columns} x {rows}")
    expected = -(-width // columns) * -(-height // rows) * planes
    blocks = page.count(TILE_OFFSETS if tiled else STRIP_OFFSETS)
    if blocks != expected:
        raise damaged(f"{blocks} strips or tiles, {expected} expected")
