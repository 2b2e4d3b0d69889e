"""Encode a picture in every format and kind of file that may hold a photo: what limits and fuzzing are tested with."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PNG_GREY, PNG_RGB, PNG_GREY_ALPHA, PNG_RGBA = 0, 2, 4, 6
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column, first row, step of columns and step of rows of each pass of an interlaced PNG."""

Encode = Callable[[Image.Image], bytes]
"""Encodes an RGB picture."""


def picture(width: int, height: int) -> Image.Image:
    """Draw gradients with some noise, the same pixels every time."""
    noise = np.random.default_rng(1858).integers(0, 8, (256, 256, 3), dtype=np.uint8)
    y, x = np.ogrid[0:height, 0:width]
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = x >> 4, y >> 4, (x + y) >> 5
    pixels += np.tile(noise, (-(-height // 256), -(-width // 256), 1))[:height, :width]
    return Image.fromarray(pixels)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG file with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples: NDArray[np.generic], colour_type: int, *more: bytes, interlaced: bool = False) -> bytes:
    """Encode a PNG of 8 or 16 bits, also in kinds that Pillow does not write.

    Parameters
    ----------
    samples : ndarray of shape (height, width, channels), uint8 or uint16
    colour_type : int
        0 grey, 2 RGB, 4 grey with alpha, 6 RGB with alpha.
    *more : bytes
        Further chunks, between the header and the pixels.
    interlaced : bool, optional
    """
    height, width, _ = samples.shape
    depth = 8 * samples.dtype.itemsize
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    rows = [_png_rows(samples[top::down, left::across]) for left, top, across, down in passes]
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, int(interlaced))
    pixels = png_chunk(b"IDAT", zlib.compress(b"".join(rows), 1))
    return b"".join((b"\x89PNG\r\n\x1a\n", png_chunk(b"IHDR", header), *more, pixels, png_chunk(b"IEND", b"")))


def _png_rows(part: NDArray[np.generic]) -> bytes:
    """Return the rows of one pass, each after the number of its filter, which is 0."""
    if not part.size:
        return b""
    samples = np.ascontiguousarray(part.astype(part.dtype.newbyteorder(">"))).view(np.uint8)
    return np.pad(samples.reshape(len(part), -1), ((0, 0), (1, 0))).tobytes()


def tiff(samples: NDArray[np.generic], *, tile: tuple[int, int] | None = None, planar: bool = False) -> bytes:
    """Encode an uncompressed or tiled or planar TIFF, little-endian.

    Parameters
    ----------
    samples : ndarray of shape (height, width, channels), uint8 or uint16
    tile : (int, int), optional
        Width and height of a tile. Without it, the file has one strip.
    planar : bool, optional
        One plane after the other, instead of the channels of each pixel.
    """
    height, width, channels = samples.shape
    layers = [samples[..., i : i + 1] for i in range(channels)] if planar else [samples]
    blocks = [block for layer in layers for block in _blocks(layer, tile)]
    tags: dict[int, tuple[str, list[int]]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [8 * samples.dtype.itemsize] * channels),
        259: ("H", [1]),
        262: ("H", [2 if channels > 1 else 1]),
        277: ("H", [channels]),
        284: ("H", [2 if planar else 1]),
    }
    where, sizes = (324, 325) if tile else (273, 279)
    tags |= {322: ("I", [tile[0]]), 323: ("I", [tile[1]])} if tile else {278: ("I", [height])}
    tags |= {where: ("I", [0] * len(blocks)), sizes: ("I", [len(block) for block in blocks])}
    if channels == 4:
        tags[338] = ("H", [2])  # alpha that is not multiplied into the colours
    return tiff_file(tags, blocks, where)


def _blocks(layer: NDArray[np.generic], tile: tuple[int, int] | None) -> list[bytes]:
    height, width, _ = layer.shape
    if tile is None:
        return [layer.tobytes()]
    padded = np.pad(layer, ((0, -height % tile[1]), (0, -width % tile[0]), (0, 0)))
    return [
        padded[top : top + tile[1], left : left + tile[0]].tobytes()
        for top in range(0, height, tile[1])
        for left in range(0, width, tile[0])
    ]


def tiff_file(tags: dict[int, tuple[str, list[int]]], blocks: list[bytes], where: int) -> bytes:
    """Write the tags of one page, the values that do not fit into a tag, and the blocks of pixels.

    Parameters
    ----------
    tags : dict
        For each number of a tag, the `struct` letter of its values and the values.
    blocks : list of bytes
    where : int
        The tag with the offsets of the blocks. Its values are set here.
    """
    outside = 8 + 2 + 12 * len(tags) + 4
    start = outside + sum(size for kind, values in tags.values() if (size := struct.calcsize(kind) * len(values)) > 4)
    ends = np.cumsum([start, *map(len, blocks)]).tolist()
    entries, rest = b"", b""
    for number, (kind, values) in sorted((tags | {where: ("I", ends[:-1])}).items()):
        raw = struct.pack(f"<{len(values)}{kind}", *values)
        if len(raw) > 4:
            raw, rest = struct.pack("<I", outside + len(rest)), rest + raw
        entries += struct.pack("<HHI", number, {"H": 3, "I": 4}[kind], len(values)) + raw.ljust(4, b"\0")
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + rest + b"".join(blocks)


def bmp_rle8(image: Image.Image) -> bytes:
    """Encode a BMP of 8 bits with run-length compression: every pixel is a run of its own."""
    indices = np.asarray(image.convert("L"))[::-1]
    height, width = indices.shape
    runs = np.ones((height, width, 2), np.uint8)
    runs[..., 1] = indices
    ends = np.zeros((height, 2), np.uint8)
    body = np.concatenate([runs.reshape(height, -1), ends], axis=1).tobytes() + b"\0\1"
    palette = b"".join(bytes((i, i, i, 0)) for i in range(256))
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 2835, 2835, 256, 0)
    start = 14 + len(header) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(body), 0, 0, start) + header + palette + body


def _saved(form: str, mode: str, image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    (image if mode == "RGB" else _converted(image, mode)).save(buffer, form, **options)
    return buffer.getvalue()


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(_wide(image)[..., 0])
    if mode in ("RGBA", "LA"):
        with_alpha = image.convert(mode)
        with_alpha.putalpha(image.getchannel(0))
        return with_alpha
    return image.convert(mode)


def _wide(image: Image.Image) -> NDArray[np.uint16]:
    """Return the picture with 16 bits for each sample."""
    return np.asarray(image, np.uint16) * np.uint16(257)


def _with_alpha(samples: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.concatenate([samples, samples[..., :1]], axis=-1)


def _animated(form: str, image: Image.Image) -> bytes:
    return _saved(form, "RGB", image, save_all=True, append_images=[image.transpose(Image.Transpose.ROTATE_180)])


def _ppm(image: Image.Image, magic: str, limit: int) -> bytes:
    samples = np.asarray(image.convert("L") if magic in ("P2", "P5") else image).astype(np.uint32) * limit // 255
    header = f"{magic}\n{image.width} {image.height}\n{limit}\n".encode()
    if magic in ("P2", "P3"):
        return header + " ".join(map(str, samples.ravel().tolist())).encode()
    return header + samples.astype(">u2" if limit > 255 else "u1").tobytes()


def _jpeg(mode: str = "RGB", **options: Any) -> Encode:
    return partial(_saved, "JPEG", mode, quality=90, **options)


KINDS: dict[str, Encode] = {
    "JPEG, 4:2:0": _jpeg(subsampling=2),
    "JPEG, 4:4:4": _jpeg(subsampling=0),
    "JPEG, grey": _jpeg("L"),
    "JPEG, CMYK": _jpeg("CMYK"),
    "JPEG, progressive, 4:2:0": _jpeg(subsampling=2, progressive=True),
    "JPEG, progressive, 4:4:4": _jpeg(subsampling=0, progressive=True),
    "JPEG, progressive, grey": _jpeg("L", progressive=True),
    "JPEG, progressive, CMYK": _jpeg("CMYK", progressive=True),
    "JPEG, two pictures (MPO)": partial(_animated, "MPO"),
    "PNG, 1 bit": partial(_saved, "PNG", "1", compress_level=1),
    "PNG, grey": partial(_saved, "PNG", "L", compress_level=1),
    "PNG, palette": partial(_saved, "PNG", "P", compress_level=1),
    "PNG, palette with a transparent colour": partial(_saved, "PNG", "P", compress_level=1, transparency=3),
    "PNG, RGB": partial(_saved, "PNG", "RGB", compress_level=1),
    "PNG, grey with alpha": partial(_saved, "PNG", "LA", compress_level=1),
    "PNG, RGBA": partial(_saved, "PNG", "RGBA", compress_level=1),
    "PNG, grey, 16 bits": lambda image: png(_wide(image)[..., :1], PNG_GREY),
    "PNG, grey with alpha, 16 bits": lambda image: png(_wide(image)[..., :2], PNG_GREY_ALPHA),
    "PNG, RGB, 16 bits": lambda image: png(_wide(image), PNG_RGB),
    "PNG, RGBA, 16 bits": lambda image: png(_with_alpha(_wide(image)), PNG_RGBA),
    "PNG, RGBA, interlaced": lambda image: png(_with_alpha(np.asarray(image)), PNG_RGBA, interlaced=True),
    "TIFF, RGB, one strip": lambda image: tiff(np.asarray(image)),
    "TIFF, RGB, 16 bits, one strip": lambda image: tiff(_wide(image)),
    "TIFF, RGB, tiles": lambda image: tiff(np.asarray(image), tile=(256, 256)),
    "TIFF, RGB, one tile": lambda image: tiff(
        np.asarray(image), tile=(-(-image.width // 16) * 16, -(-image.height // 16) * 16)
    ),
    "TIFF, RGB, planes": lambda image: tiff(np.asarray(image), planar=True),
    "TIFF, RGBA": lambda image: tiff(_with_alpha(np.asarray(image))),
    "TIFF, grey, 16 bits": partial(_saved, "TIFF", "I;16"),
    "TIFF, 1 bit, fax": partial(_saved, "TIFF", "1", compression="group4"),
    "TIFF, palette": partial(_saved, "TIFF", "P"),
    "TIFF, RGB, LZW": partial(_saved, "TIFF", "RGB", compression="tiff_lzw"),
    "TIFF, RGB, Deflate": partial(_saved, "TIFF", "RGB", compression="tiff_adobe_deflate"),
    "TIFF, RGB, PackBits": partial(_saved, "TIFF", "RGB", compression="packbits"),
    "TIFF, RGB, JPEG": partial(_saved, "TIFF", "RGB", compression="jpeg"),
    "TIFF, CMYK, LZW": partial(_saved, "TIFF", "CMYK", compression="tiff_lzw"),
    "BMP, RGB": partial(_saved, "BMP", "RGB"),
    "BMP, palette": partial(_saved, "BMP", "P"),
    "BMP, run-length": bmp_rle8,
    "GIF": partial(_saved, "GIF", "P"),
    "GIF, transparent": partial(_saved, "GIF", "P", transparency=3),
    "GIF, animation": partial(_animated, "GIF"),
    "PPM, RGB": partial(_saved, "PPM", "RGB"),
    "PPM, grey": partial(_saved, "PPM", "L"),
    "PPM, RGB, 16 bits": partial(_ppm, magic="P6", limit=65535),
    "PPM, RGB, maximum 100": partial(_ppm, magic="P6", limit=100),
    "PPM, RGB, text": partial(_ppm, magic="P3", limit=255),
    "WebP, lossy": partial(_saved, "WEBP", "RGB", method=0),
    "WebP, lossless": partial(_saved, "WEBP", "RGB", lossless=True, method=0, quality=0),
    "WebP, alpha": partial(_saved, "WEBP", "RGBA", method=0),
    "WebP, animation": partial(_animated, "WEBP"),
    "AVIF, 4:2:0": partial(_saved, "AVIF", "RGB", speed=10),
    "AVIF, 4:4:4": partial(_saved, "AVIF", "RGB", speed=10, subsampling="4:4:4"),
    "AVIF, alpha": partial(_saved, "AVIF", "RGBA", speed=10),
    "JPEG 2000, RGB": partial(_saved, "JPEG2000", "RGB"),
    "JPEG 2000, RGB, tiles": partial(_saved, "JPEG2000", "RGB", tile_size=(512, 512)),
    "JPEG 2000, RGB, lossy": partial(_saved, "JPEG2000", "RGB", irreversible=True, quality_layers=[40]),
    "JPEG 2000, RGBA": partial(_saved, "JPEG2000", "RGBA"),
    "JPEG 2000, grey": partial(_saved, "JPEG2000", "L", no_jp2=True),
    "JPEG 2000, grey, 16 bits": partial(_saved, "JPEG2000", "I;16"),
}
"""For each kind of file, the function that encodes a picture."""
