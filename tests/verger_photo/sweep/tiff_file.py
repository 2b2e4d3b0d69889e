"""Writes TIFF files from samples, without a TIFF library."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import imagecodecs
import numpy as np
from numpy.typing import NDArray

Tag = tuple[int, Sequence[int]]
"""Type and values: type 3 has 16 bits, type 4 has 32 bits, type 16 has 64 bits."""

FORMATS = {1: "B", 3: "H", 4: "I", 16: "Q"}
NONE, LZW, OLD_JPEG, JPEG, DEFLATE, PACKBITS, OLD_DEFLATE, LZMA, ZSTD, WEBP = (
    1, 5, 6, 7, 8, 32773, 32946, 34925, 50000, 50001,
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """How the samples lie in the file."""

    bits: int = 8
    sample_format: int = 1
    compression: int = NONE
    predictor: int = 1
    planar: int = 1
    fill_order: int = 1
    big_endian: bool = False
    big_tiff: bool = False
    tile: int | None = None
    rows_per_strip: int | None = None
    tags: Mapping[int, Tag | None] = field(default_factory=dict)
    """More tags. None removes a tag."""


def page(samples: NDArray[np.generic], photometric: int, layout: Layout) -> tuple[dict[int, Tag], list[bytes]]:
    """The tags and the strips or tiles of samples of shape (height, width, samples per pixel)."""
    height, width, count = samples.shape
    tags: dict[int, Tag] = {
        256: (3, [width]), 257: (3, [height]), 258: (3, [layout.bits] * count), 259: (3, [layout.compression]),
        262: (3, [photometric]), 277: (3, [count]), 284: (3, [layout.planar]), 339: (3, [layout.sample_format] * count),
    }  # fmt: skip
    if layout.fill_order != 1:
        tags[266] = (3, [layout.fill_order])
    if layout.predictor != 1:
        tags[317] = (3, [layout.predictor])
    if layout.tile:
        tags |= {322: (3, [layout.tile]), 323: (3, [layout.tile])}
    else:
        tags[278] = (3, [layout.rows_per_strip or height])
    planes = [samples[..., index : index + 1] for index in range(count)] if layout.planar == 2 else [samples]
    blocks = [_compressed(block, layout) for plane in planes for block in _blocks(plane, layout)]
    for tag, value in layout.tags.items():
        if value is None:
            tags.pop(tag, None)
        else:
            tags[tag] = value
    return tags, blocks


def tiff(
    pages: Sequence[tuple[dict[int, Tag], list[bytes]]], *, big_endian: bool = False, big_tiff: bool = False
) -> bytes:
    """A file of some pages: the data first, then the directories."""
    order = ">" if big_endian else "<"
    body = bytearray()
    start = 16 if big_tiff else 8
    offsets: list[list[int]] = []
    for _, blocks in pages:
        offsets.append([])
        for block in blocks:
            offsets[-1].append(start + len(body))
            body += block + bytes(len(block) % 2)
    directories, position = bytearray(), start + len(body)
    for index, (tags, blocks) in enumerate(pages):
        tiled = 322 in tags
        data: dict[int, Tag] = {
            324 if tiled else 273: (4, offsets[index]),
            325 if tiled else 279: (4, [len(block) for block in blocks]),
        }
        made = _directory(data | tags, order, big_tiff, position + len(directories), index + 1 < len(pages))
        directories += made
    mark = b"MM" if big_endian else b"II"
    if big_tiff:
        header = mark + struct.pack(order + "HHHQ", 43, 8, 0, position)
    else:
        header = mark + struct.pack(order + "HI", 42, position)
    return bytes(header + body + directories)


def _directory(tags: Mapping[int, Tag], order: str, big: bool, position: int, more: bool) -> bytes:
    count, entry, pointer, inline = ("Q", "HHQ", "Q", 8) if big else ("H", "HHI", "I", 4)
    size = struct.calcsize("<" + count) + len(tags) * (struct.calcsize("<" + entry) + inline) + inline
    rows, extra = bytearray(), bytearray()
    for tag in sorted(tags):
        kind, values = tags[tag]
        raw = struct.pack(order + FORMATS[kind] * len(values), *values)
        if len(raw) > inline:
            rows += struct.pack(order + entry + pointer, tag, kind, len(values), position + size + len(extra))
            extra += raw + bytes(len(raw) % 2)
        else:
            rows += struct.pack(order + entry, tag, kind, len(values)) + raw.ljust(inline, b"\0")
    following = position + size + len(extra) if more else 0
    return struct.pack(order + count, len(tags)) + bytes(rows) + struct.pack(order + pointer, following) + bytes(extra)


def _blocks(plane: NDArray[np.generic], layout: Layout) -> list[NDArray[np.generic]]:
    height, width, _ = plane.shape
    if layout.tile:
        side = layout.tile
        padded = np.pad(plane, ((0, -height % side), (0, -width % side), (0, 0)), mode="edge")
        return [
            padded[y : y + side, x : x + side] for y in range(0, height, side) for x in range(0, width, side)
        ]  # fmt: skip
    rows = layout.rows_per_strip or height
    return [plane[y : y + rows] for y in range(0, height, rows)]


def _compressed(block: NDArray[np.generic], layout: Layout) -> bytes:
    if layout.compression == JPEG:
        return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(block).squeeze(), level=97, colorspace=None))
    if layout.compression == WEBP:
        return bytes(imagecodecs.webp_encode(np.ascontiguousarray(block), lossless=True))
    raw = _packed(block, layout)
    if layout.compression == PACKBITS:
        row = len(raw) // block.shape[0]
        data = b"".join(bytes(imagecodecs.packbits_encode(raw[i : i + row])) for i in range(0, len(raw), row))
    else:
        data = {
            NONE: lambda: raw,
            LZW: lambda: bytes(imagecodecs.lzw_encode(raw)),
            DEFLATE: lambda: bytes(imagecodecs.zlib_encode(raw)),
            OLD_DEFLATE: lambda: bytes(imagecodecs.zlib_encode(raw)),
            LZMA: lambda: bytes(imagecodecs.lzma_encode(raw)),
            ZSTD: lambda: bytes(imagecodecs.zstd_encode(raw)),
        }[layout.compression]()
    return bytes(imagecodecs.bitorder_encode(data)) if layout.fill_order == 2 else data


def _packed(block: NDArray[np.generic], layout: Layout) -> bytes:
    height = block.shape[0]
    if layout.bits not in (8, 16, 32, 64):
        values = block.reshape(height, -1).astype(np.uint64)
        shifts = np.arange(layout.bits - 1, -1, -1, dtype=np.uint64)
        bits = ((values[..., None] >> shifts) & np.uint64(1)).astype(np.uint8).reshape(height, -1)
        return np.packbits(bits, axis=1).tobytes()
    kind = {1: "u", 2: "i", 3: "f", 4: "u"}[layout.sample_format]
    typed = np.ascontiguousarray(block.astype(f"{kind}{layout.bits // 8}"))
    order: Literal["<", ">"] = ">" if layout.big_endian else "<"
    if layout.predictor == 2:
        unsigned = typed.view(f"u{layout.bits // 8}")
        typed = np.concatenate([unsigned[:, :1], np.diff(unsigned, axis=1)], axis=1)
    elif layout.predictor == 3:
        return bytes(imagecodecs.floatpred_encode(typed.astype(typed.dtype.newbyteorder(">")), axis=-2).tobytes())
    return typed.astype(typed.dtype.newbyteorder(order)).tobytes()
