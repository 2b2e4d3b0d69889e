"""TIFF files of every layout: photometric, depth, sample format, alpha, compression, predictor, planes, byte order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.verger_photo.drawing import encoded
from tests.verger_photo.sweep.case import Case, alpha_of, as_rgb, grey_of, on_white, picture, scaled_up, shown_of
from tests.verger_photo.sweep.tiff_file import (
    DEFLATE,
    JPEG,
    LZMA,
    LZW,
    NONE,
    OLD_DEFLATE,
    PACKBITS,
    WEBP,
    ZSTD,
    Layout,
    Tag,
    page,
    tiff,
)  # fmt: skip

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, CIELAB, ICCLAB, CFA, LINEAR_RAW = (
    0, 1, 2, 3, 5, 6, 8, 9, 32803, 34892,
)  # fmt: skip
STRAIGHT, PREMULTIPLIED, UNSPECIFIED = 2, 1, 0
COMPRESSIONS = {
    "none": NONE, "LZW": LZW, "deflate": DEFLATE, "old deflate": OLD_DEFLATE, "PackBits": PACKBITS, "LZMA": LZMA,
    "ZSTD": ZSTD,
}  # fmt: skip


PLACES = {"strip": (None, None), "strips": (8, None), "tiles": (None, 16), "one tile": (None, 48)}
"""Rows of a strip, and side of a tile."""


@dataclass(frozen=True, eq=False)
class Kind:
    """A pixel type: its samples, and what they show."""

    name: str
    photometric: int
    bits: int
    samples: NDArray[np.generic]
    """Shape (height, width, samples per pixel)."""
    shown: NDArray[np.uint8]
    sample_format: int = 1
    tags: tuple[tuple[int, Tag], ...] = ()


NO_PICTURE = (
    "float",
    "signed",
    "Lab",
    "filter array",
    "linear raw",
    "10 bits",
    "14 bits",
    "24 bits",
    "32 bits",
    "64 bits",
)
"""Pixel types with other samples than 1, 2, 4, 8, 12 or 16 unsigned bits, or other colours than those of a viewer."""
COMMON = (
    "grey 1 bits", "grey 2 bits", "grey 4 bits", "grey 8 bits", "grey 8 bits white is zero", "grey 16 bits",
    "grey 8 bits alpha 2", "RGB 8 bits", "RGB 16 bits", "RGB 8 bits alpha 1", "RGB 8 bits alpha 2",
    "RGB 16 bits alpha 2", "palette 1 bits", "palette 4 bits", "palette 8 bits", "CMYK 8 bits",
)  # fmt: skip
"""Pixel types that programs write often."""


def expected(kind: Kind, where: str) -> bool | None:
    """Whether a file must be accepted, must be rejected, or may be either."""
    if any(words in kind.name for words in NO_PICTURE):
        return False
    rare = "fill order" in where or "BigTIFF" in where or ("planes" in where and "grey" in kind.name)
    return True if kind.name in COMMON and not rare else None


def kinds() -> Iterator[Kind]:
    """Every pixel type."""
    yield from _grey()
    yield from _colour()
    yield from _palette()
    yield from _other()


def _grey() -> Iterator[Kind]:
    truth = grey_of(picture())
    for bits, photometric in product((1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 24, 32, 64), (BLACK_IS_ZERO, WHITE_IS_ZERO)):
        samples = scaled_up(truth, bits)
        stored = samples if photometric == BLACK_IS_ZERO else np.uint64(2**bits - 1) - samples
        name = f"grey {bits} bits" + (" white is zero" if photometric == WHITE_IS_ZERO else "")
        yield Kind(name, photometric, bits, stored[..., None], as_rgb(shown_of(samples, bits)))
    for bits in (16, 32, 64):
        for photometric in (BLACK_IS_ZERO, WHITE_IS_ZERO):
            values = truth / 255 if photometric == BLACK_IS_ZERO else 1 - truth / 255
            name = f"grey {bits} bits float photometric {photometric}"
            yield Kind(name, photometric, bits, values[..., None], as_rgb(truth), 3)
    for bits in (8, 16, 32):
        signed = scaled_up(truth, bits).astype(np.float64) - 2 ** (bits - 1)
        yield Kind(f"grey {bits} bits signed", BLACK_IS_ZERO, bits, signed[..., None], as_rgb(truth), 2)
    alpha = alpha_of(picture())
    for bits, extra in product((8, 16), (STRAIGHT, PREMULTIPLIED, UNSPECIFIED)):
        yield _with_alpha(f"grey {bits} bits", BLACK_IS_ZERO, bits, truth[..., None], alpha, extra)


def _with_alpha(  # noqa: PLR0917
    name: str, photometric: int, bits: int, samples: NDArray[np.uint8], alpha: NDArray[np.uint8], extra: int
) -> Kind:
    shown = samples if samples.shape[-1] == 3 else as_rgb(samples[..., 0])
    colours = samples
    if extra == PREMULTIPLIED:
        colours = np.rint(samples * (alpha[..., None] / 255)).astype(np.uint8)
    stored = scaled_up(np.concatenate([colours, alpha[..., None]], axis=-1), bits)
    pixels = shown if extra == UNSPECIFIED else on_white(shown, alpha)
    return Kind(f"{name} alpha {extra}", photometric, bits, stored, pixels, tags=((338, (3, [extra])),))


def _colour() -> Iterator[Kind]:
    truth = picture()
    for bits in (4, 8, 10, 12, 16, 32):
        samples = scaled_up(truth, bits)
        yield Kind(f"RGB {bits} bits", RGB, bits, samples, shown_of(samples, bits))
    yield Kind("RGB 32 bits float", RGB, 32, truth / 255, truth, 3)
    yield Kind("RGB 16 bits float", RGB, 16, truth / 255, truth, 3)
    for bits in (8, 16):
        yield Kind(f"RGB {bits} bits signed", RGB, bits, scaled_up(truth, bits) - 2.0 ** (bits - 1), truth, 2)
    alpha = alpha_of(truth)
    for bits, extra in product((8, 16), (STRAIGHT, PREMULTIPLIED, UNSPECIFIED)):
        yield _with_alpha(f"RGB {bits} bits", RGB, bits, truth, alpha, extra)
    for bits in (8, 16):
        ink = 255 - truth
        four = np.concatenate([ink, np.full_like(ink[..., :1], 40)], axis=-1)
        shown = np.rint((255 - ink) * (1 - 40 / 255)).astype(np.uint8)
        yield Kind(f"CMYK {bits} bits", CMYK, bits, scaled_up(four, bits), shown)


def _palette() -> Iterator[Kind]:
    rng = np.random.default_rng(5)
    for bits in (1, 2, 4, 8, 16):
        count = 2**bits
        colours = rng.integers(0, 256, (count, 3)).astype(np.uint16)
        indices = (grey_of(picture()).astype(np.uint64) * (count - 1) // 255)[..., None]
        table = (colours * 257).T.ravel().tolist()
        shown = colours[indices[..., 0].astype(int)].astype(np.uint8)
        yield Kind(f"palette {bits} bits", PALETTE, bits, indices, shown, tags=((320, (3, table)),))


def _other() -> Iterator[Kind]:
    truth = picture()
    yield Kind("CIELab 8 bits", CIELAB, 8, truth, truth)
    yield Kind("ICCLab 8 bits", ICCLAB, 8, truth, truth)
    yield Kind("colour filter array 8 bits", CFA, 8, truth[..., :1], truth)
    yield Kind("colour filter array 16 bits", CFA, 16, scaled_up(truth[..., :1], 16), truth)
    yield Kind("linear raw 16 bits", LINEAR_RAW, 16, scaled_up(truth, 16), truth)
    red, green, blue = (truth[..., index].astype(float) for index in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    ycc = np.stack([luma, (blue - luma) / 1.772 + 128, (red - luma) / 1.402 + 128], axis=-1)
    yield Kind("YCbCr 8 bits", YCBCR, 8, np.rint(ycc).clip(0, 255).astype(np.uint8), truth, tags=((530, (3, [1, 1])),))


def layouts(kind: Kind) -> Iterator[tuple[str, Layout]]:
    """Every way to write the samples of a pixel type."""
    base = Layout(bits=kind.bits, sample_format=kind.sample_format, tags=dict(kind.tags))
    for (name, compression), big_endian, place in product(COMPRESSIONS.items(), (False, True), PLACES):
        rows, tile = PLACES[place]
        layout = replace(base, compression=compression, big_endian=big_endian, rows_per_strip=rows, tile=tile)
        where = f"{name} {place}{' big-endian' if big_endian else ''}"
        yield where, layout
        if kind.samples.shape[-1] > 1:
            yield f"{where} planes", replace(layout, planar=2)
        if place == "strips" and compression != PACKBITS:
            yield from _variants(kind, where, layout)


def _variants(kind: Kind, where: str, layout: Layout) -> Iterator[tuple[str, Layout]]:
    if kind.bits in (8, 16, 32, 64) and layout.compression != NONE:
        yield f"{where} predictor 2", replace(layout, predictor=2)
        if kind.samples.shape[-1] > 1:
            yield f"{where} predictor 2 planes", replace(layout, predictor=2, planar=2)
    if kind.sample_format == 3 and layout.compression != NONE:
        yield f"{where} predictor 3", replace(layout, predictor=3)
    if layout.compression in (NONE, LZW):
        yield f"{where} fill order 2", replace(layout, fill_order=2)
        yield f"{where} BigTIFF", replace(layout, big_tiff=True)
    if kind.sample_format == 1:
        yield f"{where} no sample format", replace(layout, tags={**layout.tags, 339: None})


def cases(step: int = 1) -> Iterator[Case]:
    """Every pixel type in every layout, or in each `step`-th one."""
    for number, kind in enumerate(kinds()):
        for where, layout in list(layouts(kind))[number % step :: step]:
            content = tiff(
                [page(kind.samples, kind.photometric, layout)], big_endian=layout.big_endian, big_tiff=layout.big_tiff
            )
            yield Case(f"TIFF {kind.name}: {where}", content, kind.shown, accepted=expected(kind, where))
    for place, (rows, tile) in PLACES.items():
        layout = Layout(compression=JPEG, rows_per_strip=rows, tile=tile)
        grey = page(picture()[..., :1], BLACK_IS_ZERO, layout)
        yield Case(f"TIFF grey JPEG: {place}", tiff([grey]), as_rgb(grey_of(picture())), 4.0, True)
        webp = page(picture(), RGB, replace(layout, compression=WEBP))
        yield Case(f"TIFF WebP: {place}", tiff([webp]), picture())
    for name in ("jpeg", "tiff_lzw", "tiff_adobe_deflate", "packbits", "raw"):
        quality = {"quality": 97} if name == "jpeg" else {}
        content = encoded(Image.fromarray(picture()), "TIFF", compression=name, **quality)
        yield Case(f"TIFF by Pillow: {name}", content, picture(), 6.0 if name == "jpeg" else 1.0, True)
