"""Draw files that a bucket of photos may hold besides plain JPEGs: damaged photos, rare formats, and other files."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from sample_photos.studio import draw_photo

SEED = 1858
BOMB_SIDE = 20_000
EXIF_ORIENTATION = 0x0112
ROTATED_BY_90 = 6


@dataclass(frozen=True)
class InvalidPhotos:
    """Paths of the files that were written, relative to the folder, with `/`.

    Attributes
    ----------
    rejected : tuple of str
        Photos that step 1 rejects, each with a reason.
    accepted : tuple of str
        Valid photos in rare formats or with rare names.
    ignored : tuple of str
        Files that are no photos and that the inventory leaves out.
    """

    rejected: tuple[str, ...]
    accepted: tuple[str, ...]
    ignored: tuple[str, ...]


def draw_invalid_photos(folder: Path) -> InvalidPhotos:
    """Write the files into the folder of an orchard, the same files every time."""
    groups = (dict(_rejected()), dict(_accepted()), dict(_ignored()))
    for group in groups:
        for name, content in group.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return InvalidPhotos(*(tuple(sorted(group)) for group in groups))


def _rejected() -> Iterator[tuple[str, bytes]]:
    complete = _encoded(_photo("Banana", 0), "JPEG")
    yield "Kiwi/empty.jpg", b""
    yield "Banana/truncated.jpg", complete[: len(complete) // 2]
    yield "Pear/a letter.jpg", b"Dear picker, the pears are ripe.\n"
    yield "Lemon/bomb.png", _bomb()
    yield "no label.jpg", complete


def _accepted() -> Iterator[tuple[str, bytes]]:
    yield "Kiwi/scan 1.png", _encoded(_photo("Kiwi", 1), "PNG")
    yield "Banana/banane grisée.jpg", _encoded(_photo("Banana", 2).convert("L"), "JPEG")
    yield "Orange/100% naranja.jpg", _encoded(_photo("Orange", 3).convert("CMYK"), "JPEG")
    yield "Lemon/citron #1.png", _encoded(_photo("Lemon", 4).quantize(64), "PNG")
    yield "Strawberry/fraise d'été.png", _encoded(_with_transparent_margin(_photo("Strawberry", 5)), "PNG")
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = ROTATED_BY_90
    yield "Pear/poire?.jpg", _encoded(_photo("Pear", 6).rotate(90), "JPEG", exif=exif)
    frames = [_photo("Plum", number).quantize(128) for number in (7, 8, 9)]
    yield (
        "Plum/quetsche+mirabelle.gif",
        _encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=200),
    )


def _ignored() -> Iterator[tuple[str, bytes]]:
    yield "Kiwi/.DS_Store", b"\0\0\0\1Bud1" + bytes(56)
    yield "Plum/Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(56)


def _photo(label: str, number: int) -> Image.Image:
    return draw_photo(label, np.random.default_rng([SEED, number]))


def _with_transparent_margin(image: Image.Image) -> Image.Image:
    across = np.linspace(-1, 1, image.width)
    radius = np.hypot(across[:, np.newaxis], across)
    alpha = ((1.25 - radius) * 4 * 255).clip(0, 255).astype(np.uint8)
    image.putalpha(Image.fromarray(alpha))
    return image


def _encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def _bomb() -> bytes:
    """Return a PNG file of some 50 kB that decodes to 20,000 x 20,000 pixels, written row by row."""
    row = bytes(1 + (BOMB_SIDE + 7) // 8)
    deflate = zlib.compressobj(level=9)
    data = b"".join([*(deflate.compress(row) for _ in range(BOMB_SIDE)), deflate.flush()])
    header = struct.pack(">IIBBBBB", BOMB_SIDE, BOMB_SIDE, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
