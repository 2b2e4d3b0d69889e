"""Files of every other format: written by Pillow, by imagecodecs, or byte by byte."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from itertools import product

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.verger_photo.drawing import encoded
from tests.verger_photo.sweep.case import (
    HEIGHT,
    WIDTH,
    Case,
    alpha_of,
    as_rgb,
    grey_of,
    on_white,
    picture,
    scaled_up,
    shown_of,
)  # fmt: skip

LOSSY = 6.0


def cases() -> Iterator[Case]:
    """Every kind of file."""
    yield from _png()
    yield from _netpbm()
    yield from _bmp()
    yield from _jpeg()
    yield from _jpeg2000()
    yield from _webp_and_avif()
    yield from _gif()


def _png() -> Iterator[Case]:
    truth, alpha = picture(), alpha_of(picture())
    grey = grey_of(truth)
    for bits, interlaced in product((1, 2, 4, 8, 16), (False, True)):
        samples = scaled_up(grey, bits)
        shown = as_rgb(shown_of(samples, bits))
        name = f"{bits} bits{' interlaced' if interlaced else ''}"
        yield Case(f"PNG grey: {name}", png(samples[..., None], bits, 0, interlaced), shown, accepted=True)
        key = int(samples[HEIGHT // 2, WIDTH // 2])
        keyed = np.where((samples == key)[..., None], np.uint8(255), shown)
        content = png(samples[..., None], bits, 0, interlaced, (b"tRNS", struct.pack(">H", key)))
        yield Case(f"PNG grey with a colour key: {name}", content, keyed, accepted=True)
    for bits, interlaced in product((8, 16), (False, True)):
        name = f"{bits} bits{' interlaced' if interlaced else ''}"
        with_alpha = np.concatenate([truth, alpha[..., None]], axis=-1)
        yield Case(f"PNG RGB: {name}", png(scaled_up(truth, bits), bits, 2, interlaced), truth, accepted=True)
        content = png(scaled_up(with_alpha, bits), bits, 6, interlaced)
        yield Case(f"PNG RGBA: {name}", content, on_white(truth, alpha), accepted=True)
        content = png(scaled_up(np.stack([grey, alpha], axis=-1), bits), bits, 4, interlaced)
        yield Case(f"PNG grey with alpha: {name}", content, on_white(as_rgb(grey), alpha), accepted=True)
        samples = scaled_up(truth, bits)
        key3 = samples[3, 3]
        keyed = np.where((samples == key3).all(axis=-1)[..., None], np.uint8(255), truth)
        content = png(samples, bits, 2, interlaced, (b"tRNS", struct.pack(">HHH", *key3.tolist())))
        yield Case(f"PNG RGB with a colour key: {name}", content, keyed, accepted=True if bits == 8 else None)
    colours = np.random.default_rng(3).integers(0, 256, (256, 3)).astype(np.uint8)
    for bits in (1, 2, 4, 8):
        indices = scaled_up(grey, bits)
        used, clear = colours[: 2**bits], np.arange(2**bits).astype(np.uint8)
        shown = used[indices.astype(int)]
        chunks = [(b"PLTE", used.tobytes())]
        yield Case(f"PNG palette: {bits} bits", png(indices[..., None], bits, 3, False, *chunks), shown, accepted=True)
        content = png(indices[..., None], bits, 3, False, *chunks, (b"tRNS", clear.tobytes()))
        yield Case(
            f"PNG palette with alpha: {bits} bits", content, on_white(shown, clear[indices.astype(int)]), 1.0, True
        )


def png(samples: NDArray[np.generic], bits: int, colour: int, interlaced: bool, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file without filters. `samples` has the shape (height, width, channels)."""
    height, width = samples.shape[:2]
    passes = [samples]
    if interlaced:
        steps = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))
        passes = [samples[y::dy, x::dx] for y, dy, x, dx in steps]
    rows = b"".join(b"\0" + _packed(row, bits) for part in passes if part.size for row in part)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    body = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def _packed(row: NDArray[np.generic], bits: int) -> bytes:
    if bits >= 8:
        return row.astype(f">u{bits // 8}").tobytes()
    shifts = np.arange(bits - 1, -1, -1)
    return np.packbits((row.ravel().astype(int)[:, None] >> shifts) & 1).tobytes()


def _netpbm() -> Iterator[Case]:
    truth, grey = picture(), grey_of(picture())
    size = b"%d %d\n" % (WIDTH, HEIGHT)
    bit = (grey > 127).astype(np.uint8)
    black = np.packbits(1 - bit, axis=1).tobytes()
    yield Case("PPM bits: binary", b"P4\n" + size + black, as_rgb(bit * np.uint8(255)), accepted=True)
    digits = b"\n".join(b"".join(b"%d" % value for value in row) for row in 1 - bit)
    yield Case("PPM bits: plain", b"P1\n# text 1 0\n" + size + digits, as_rgb(bit * np.uint8(255)), accepted=True)
    for maximum, comment in product((1, 3, 15, 100, 255, 256, 1000, 1023, 4095, 65535), (b"", b"# a comment\n")):
        for kind, samples in ((b"5", grey), (b"6", truth)):
            values = (samples.astype(int) * maximum + 127) // 255
            shown = (values * 255 / maximum).astype(np.uint8)
            shown = as_rgb(shown) if shown.ndim == 2 else shown
            head = comment + size + b"%d\n" % maximum
            body = values.astype(">u2" if maximum > 255 else "u1").tobytes()
            name = f"maximum {maximum}{' comment' if comment else ''}"
            yield Case(f"PPM P{kind.decode()}: {name}", b"P" + kind + b"\n" + head + body, shown, accepted=True)
            plain = b" ".join(b"%d" % value for value in values.ravel())
            yield Case(
                f"PPM P{kind.decode()} plain: {name}", b"P%d\n" % (int(kind) - 3) + head + plain, shown, accepted=True
            )
    floats = (grey[::-1] / 255).astype("<f4").tobytes()
    yield Case("PPM PFM: little-endian", b"Pf\n" + size + b"-1.0\n" + floats, as_rgb(grey), accepted=False)


def _bmp() -> Iterator[Case]:
    truth, grey = picture(), grey_of(picture())
    colours = np.random.default_rng(4).integers(0, 256, (256, 3)).astype(np.uint8)
    ramp = as_rgb(np.arange(256, dtype=np.uint8)[:, None])[:, 0]
    for bits, top_down, (name, table) in product((1, 4, 8), (False, True), (("colours", colours), ("grey ramp", ramp))):
        for count in (0, 2, 2**bits):
            used = table[: count or 2**bits]
            if name == "grey ramp":
                used = (np.arange(len(used)) * 255 // (len(used) - 1)).astype(np.uint8)[:, None].repeat(3, axis=1)
            indices = grey.astype(int) * (len(used) - 1) // 255
            rows = np.stack([np.frombuffer(_padded(_packed(row, bits)), np.uint8) for row in indices])
            palette = np.pad(used[:, ::-1], ((0, 0), (0, 1))).tobytes()
            content = bmp(rows, bits, 0, palette, top_down, count)
            yield Case(f"BMP palette {name}: {bits} bits {count} colours top-down {top_down}", content, used[indices])
        identity = np.arange(2**bits, dtype=np.uint8)[:, None].repeat(3, axis=1)
        indices = grey.astype(int) * (2**bits - 1) // 255
        rows = np.stack([np.frombuffer(_padded(_packed(row, bits)), np.uint8) for row in indices])
        content = bmp(rows, bits, 0, np.pad(identity, ((0, 0), (0, 1))).tobytes(), top_down)
        yield Case(f"BMP palette of its indices: {bits} bits", content, identity[indices])
    wide = truth.astype(np.uint32)
    red, green, blue = wide[..., 0], wide[..., 1], wide[..., 2]
    alpha = alpha_of(truth).astype(np.uint32)
    for name, bits, masks, words in (
        ("555", 16, (), (red >> 3 << 10) | (green >> 3 << 5) | blue >> 3),
        ("565", 16, (0xF800, 0x7E0, 0x1F), (red >> 3 << 11) | (green >> 2 << 5) | blue >> 3),
        ("555 masks", 16, (0x7C00, 0x3E0, 0x1F), (red >> 3 << 10) | (green >> 3 << 5) | blue >> 3),
        ("BGRX", 32, (), red << 16 | green << 8 | blue | alpha << 24),
        ("BGRX masks", 32, (0xFF0000, 0xFF00, 0xFF), red << 16 | green << 8 | blue),
        ("RGBX masks", 32, (0xFF, 0xFF00, 0xFF0000), blue << 16 | green << 8 | red),
        ("masks of 10 bits", 32, (0x3FF00000, 0xFFC00, 0x3FF), red << 22 | green << 12 | blue << 2),
    ):
        rows = np.stack([np.frombuffer(_padded(row.astype(f"<u{bits // 8}").tobytes()), np.uint8) for row in words])
        for top_down in (False, True):
            content = bmp(rows, bits, 3 if masks else 0, struct.pack(f"<{len(masks)}I", *masks), top_down)
            yield Case(f"BMP RGB {name}: top-down {top_down}", content, truth, 5.0 if bits == 16 else 1.0)
    yield Case("BMP RGB 24: Pillow", encoded(Image.fromarray(truth), "BMP"), truth, accepted=True)
    rgba = Image.fromarray(np.dstack([truth, alpha_of(truth)]))
    # Without masks, the fourth byte has no meaning.
    yield Case("BMP RGBX 32: Pillow", encoded(rgba, "BMP"), truth, accepted=True)
    yield from _bmp_rle(colours, grey)


def _bmp_rle(colours: NDArray[np.uint8], grey: NDArray[np.uint8]) -> Iterator[Case]:
    palette = np.pad(colours[:, ::-1], ((0, 0), (0, 1))).tobytes()
    runs = b"".join(b"".join(bytes([1, index]) for index in row) + b"\0\0" for row in grey[::-1])
    yield Case("BMP RLE8: runs", bmp(None, 8, 1, palette, False, 0, runs + b"\0\1"), colours[grey])
    absolute = b"".join(b"\0" + bytes([WIDTH]) + row.tobytes() + bytes(WIDTH % 2) + b"\0\0" for row in grey[::-1])
    yield Case("BMP RLE8: absolute", bmp(None, 8, 1, palette, False, 0, absolute + b"\0\1"), colours[grey])
    low = grey >> 4
    nibbles = b"".join(b"".join(bytes([1, index << 4]) for index in row) + b"\0\0" for row in low[::-1].astype(int))
    content = bmp(None, 4, 2, palette[:64], False, 0, nibbles + b"\0\1")
    yield Case("BMP RLE4: runs", content, colours[low])


def bmp(  # noqa: PLR0917
    rows: NDArray[np.uint8] | None, bits: int, compression: int, table: bytes, top_down: bool, colours: int = 0,
    data: bytes = b"",
) -> bytes:  # fmt: skip
    """A BMP file of stored rows, or of compressed data."""
    if rows is not None:
        data = (rows if top_down else rows[::-1]).tobytes()
    height = -HEIGHT if top_down else HEIGHT
    header = struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, len(data), 0, 0, colours, 0)
    start = 14 + len(header) + len(table)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + header + table + data


def _padded(row: bytes) -> bytes:
    return row + bytes(-len(row) % 4)


def _jpeg() -> Iterator[Case]:
    truth, grey = picture(), grey_of(picture())
    for progressive, subsampling in product((False, True), (0, 1, 2)):
        content = encoded(Image.fromarray(truth), "JPEG", quality=97, progressive=progressive, subsampling=subsampling)
        yield Case(f"JPEG YCbCr: progressive {progressive} {subsampling}", content, truth, LOSSY, True)
        yield Case("JPEG with bytes before markers", content[:2] + b"\xff" + content[2:], truth, LOSSY, True)
    yield Case("JPEG grey", encoded(Image.fromarray(grey), "JPEG", quality=97), as_rgb(grey), LOSSY, True)
    yield Case("JPEG RGB", encoded(Image.fromarray(truth), "JPEG", quality=97, keep_rgb=True), truth, LOSSY, True)
    cmyk = np.dstack([255 - truth, np.zeros_like(grey)])
    content = encoded(Image.fromarray(cmyk, mode="CMYK"), "JPEG", quality=97)
    yield Case("JPEG CMYK: Adobe", content, truth, LOSSY, True)
    adobe = content.index(b"\xff\xee")
    yield Case("JPEG CMYK: no Adobe", content[:adobe] + content[adobe + 16 :], truth, LOSSY)
    for bits, level in ((8, 8), (12, 12), (16, 16)):
        samples = scaled_up(truth, bits).astype(np.uint8 if bits == 8 else np.uint16)
        lossless = bytes(imagecodecs.jpeg_encode(samples, lossless=True, bitspersample=level))
        yield Case(f"JPEG lossless: {bits} bits", lossless, truth, LOSSY)
    yield Case("JPEG-LS", bytes(imagecodecs.jpegls_encode(truth)), truth, LOSSY)
    two = content.replace(
        b"\x08" + struct.pack(">HHB", HEIGHT, WIDTH, 4), b"\x08" + struct.pack(">HHB", HEIGHT, WIDTH, 2)
    )
    yield Case("JPEG 2 components", two, truth, LOSSY, False)


def _jpeg2000() -> Iterator[Case]:
    truth, grey, alpha = picture(), grey_of(picture()), alpha_of(picture())
    for codec, bits in product(("jp2", "j2k"), (8, 10, 12, 16)):
        for name, samples, shown in (("grey", grey, as_rgb(grey)), ("RGB", truth, truth)):
            stored = scaled_up(samples, bits).astype(np.uint8 if bits == 8 else np.uint16)
            content = bytes(
                imagecodecs.jpeg2k_encode(stored, bitspersample=bits, codecformat=codec, reversible=True, level=0)
            )
            yield Case(f"JPEG 2000 {name}: {codec} {bits} bits", content, shown, accepted=True)
    for bits in (1, 2, 4, 7):
        stored = scaled_up(grey, bits).astype(np.uint8)
        content = bytes(imagecodecs.jpeg2k_encode(stored, bitspersample=bits, reversible=True, level=0))
        yield Case(f"JPEG 2000 grey: {bits} bits", content, as_rgb(shown_of(scaled_up(grey, bits), bits)))
    signed = (truth.astype(int) - 128).astype(np.int8)
    yield Case("JPEG 2000 RGB: signed", bytes(imagecodecs.jpeg2k_encode(signed, reversible=True, level=0)), truth)
    for mode, samples, shown in (
        ("RGBA", np.dstack([truth, alpha]), on_white(truth, alpha)),
        ("LA", np.dstack([grey, alpha]), on_white(as_rgb(grey), alpha)),
        ("RGB", truth, truth), ("L", grey, as_rgb(grey)),
    ):  # fmt: skip
        for suffix in (True, False):
            content = encoded(Image.fromarray(samples), "JPEG2000", no_jp2=suffix)
            plain = mode in ("RGB", "L")
            yield Case(f"JPEG 2000 {mode}: Pillow, bare {suffix}", content, shown, accepted=True if plain else None)


def _webp_and_avif() -> Iterator[Case]:
    truth, alpha = picture(), alpha_of(picture())
    rgba, shown = Image.fromarray(np.dstack([truth, alpha])), on_white(truth, alpha)
    for name, image, right in (("RGB", Image.fromarray(truth), truth), ("RGBA", rgba, shown)):
        yield Case(f"WebP {name}: lossless", encoded(image, "WEBP", lossless=True), right, accepted=True)
        yield Case(f"WebP {name}: lossy", encoded(image, "WEBP", quality=97), right, LOSSY, True)
        frames = {"save_all": True, "append_images": [Image.new(image.mode, image.size)], "lossless": True}
        yield Case(f"WebP {name}: animation", encoded(image, "WEBP", **frames), right, accepted=True)
        for subsampling in ("4:4:4", "4:2:0"):
            content = encoded(image, "AVIF", quality=97, subsampling=subsampling)
            yield Case(f"AVIF {name}: {subsampling}", content, right, LOSSY, True)
        premultiplied = encoded(image, "AVIF", quality=97, subsampling="4:4:4", alpha_premultiplied=True)
        yield Case(f"AVIF {name}: premultiplied", premultiplied, right, LOSSY, True)
    grey = grey_of(truth)
    yield Case("AVIF grey", encoded(Image.fromarray(grey), "AVIF", quality=97), as_rgb(grey), LOSSY, True)
    for bits in (10, 12):
        samples = scaled_up(truth, bits).astype(np.uint16)
        content = bytes(imagecodecs.avif_encode(samples, level=97, bitspersample=bits))
        yield Case(f"AVIF RGB: {bits} bits", content, truth, LOSSY, True)


def _gif() -> Iterator[Case]:
    grey = grey_of(picture()) // 8 * 8
    colours = np.random.default_rng(6).integers(0, 256, (256, 3)).astype(np.uint8)
    indices = grey // 8
    table = colours[:32]
    shown = table[indices]
    for interlace in (0, 1):
        image = Image.fromarray(indices, mode="P")
        image.putpalette(table.tobytes())
        content = encoded(image, "GIF", interlace=interlace, optimize=False)
        yield Case(f"GIF: interlace {interlace}", content, shown, accepted=True)
        content = encoded(image, "GIF", interlace=interlace, optimize=False, transparency=9)
        keyed = np.where((indices == 9)[..., None], np.uint8(255), shown)
        yield Case(f"GIF transparent: interlace {interlace}", content, keyed, accepted=True)
        shifted = bytearray(encoded(image, "GIF", interlace=interlace, optimize=False))
        struct.pack_into("<HH", shifted, 6, WIDTH + 5, HEIGHT + 7)  # the canvas
        frame = shifted.index(b",\0\0\0\0" + struct.pack("<HH", WIDTH, HEIGHT))
        struct.pack_into("<HH", shifted, frame + 1, 3, 4)
        canvas = np.full((HEIGHT + 7, WIDTH + 5, 3), 255, dtype=np.uint8)
        canvas[4 : 4 + HEIGHT, 3 : 3 + WIDTH] = shown
        yield Case(f"GIF on a larger canvas: interlace {interlace}", bytes(shifted), canvas, accepted=True)
