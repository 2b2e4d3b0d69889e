"""PBM, PGM and PPM, in their binary and plain variants.

Source: the manual pages pbm(5), pgm(5) and ppm(5) of Netpbm. Pillow opens the files, and numpy decodes the pixels:
Pillow scales other maximum values than 255 in a Python loop, and clips grey of 16 bits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from verger_contract.reasons import RejectKind
from verger_photo.formats.accepted import GREY, RGB, PixelType, check
from verger_photo.formats.opened import Opened, by_pillow
from verger_photo.unreadable import UnreadablePhoto

SPACE = rb"(?:\s|#[^\r\n]*[\r\n])+"
NUMBER = SPACE + rb"(\d{1,10})"
HEADER = re.compile(rb"P([1-6])" + NUMBER + NUMBER)
MAXIMUM = re.compile(NUMBER)


@dataclass(frozen=True)
class Header:
    """The header of a file."""

    variant: int
    """The digit after P: 1 to 3 are plain, 4 to 6 binary; 1 and 4 have bits, 3 and 6 have colours."""
    width: int
    height: int
    maximum: int
    start: int
    """The first byte of the pixels."""

    @property
    def channels(self) -> int:
        """1 or 3."""
        return 3 if self.variant in (3, 6) else 1


def opened(content: bytes) -> Opened:
    """Open a PBM, PGM or PPM file.

    Raises
    ------
    UnreadablePhoto
        The header is damaged, or the file has floating-point samples (PFM).
    """
    if content[:2] in (b"Pf", b"PF"):
        check(PixelType("PPM", GREY if content[1:2] == b"f" else RGB, 32, coding="PFM", samples="float"))
    header = _header(content)
    bits = 1 if header.variant in (1, 4) else 8 if header.maximum < 256 else 16
    coding = "plain" if header.variant <= 3 else "binary"
    check(PixelType("PPM", RGB if header.channels == 3 else GREY, bits, coding=coding))
    return Opened(by_pillow(content, "PPM"), load=partial(_load, content, header))


def _header(content: bytes) -> Header:
    size = HEADER.match(content)
    if not size:
        raise _damaged("no valid header")
    variant, width, height = (int(number) for number in size.groups())
    maximum, end = 1, size.end()
    if variant not in (1, 4):
        found = MAXIMUM.match(content, end)
        maximum, end = (int(found[1]), found.end()) if found else (0, end)
        if not 0 < maximum < 65_536:
            raise _damaged("no valid maximum value")
    return Header(variant, width, height, maximum, end + 1)


def _load(content: bytes, header: Header, image: Image.Image) -> Image.Image:
    del image
    width = header.width * header.channels
    samples = _bits(content, header) if header.variant == 4 else _numbers(content, header, width * header.height)
    if header.variant in (1, 4):
        pixels = np.where(samples != 0, np.uint8(0), np.uint8(255))  # 1 is black
    elif int(samples.max(initial=0)) > header.maximum:
        raise _damaged(f"a sample is larger than the maximum value {header.maximum}")
    elif header.maximum == 255:
        pixels = samples.astype(np.uint8)
    else:
        scaled = np.arange(header.maximum + 1, dtype=np.uint64) * 65_535 // header.maximum  # to 16 bits
        pixels = (scaled >> np.uint64(8)).astype(np.uint8)[samples]
    shape = (header.height, header.width, 3) if header.channels == 3 else (header.height, header.width)
    return Image.fromarray(pixels.reshape(shape))


def _bits(content: bytes, header: Header) -> NDArray[np.uint8]:
    row = -(-header.width // 8)
    packed = np.frombuffer(_body(content, header, row * header.height), dtype=np.uint8)
    return np.unpackbits(packed.reshape(header.height, row), axis=1)[:, : header.width]


def _numbers(content: bytes, header: Header, count: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    if header.variant > 3:
        wide = header.maximum > 255
        body = _body(content, header, count * (2 if wide else 1))
        return np.frombuffer(body, dtype=">u2").astype(np.uint16) if wide else np.frombuffer(body, dtype=np.uint8)
    text = re.sub(rb"#[^\r\n]*", b"", content[header.start - 1 :])
    if header.variant == 1:
        digits = np.frombuffer(text, dtype=np.uint8)
        samples = digits[(digits == ord("0")) | (digits == ord("1"))] - ord("0")
    else:
        if re.search(rb"[^\d\s]|\d{6}", text):
            raise _damaged("the pixels have other characters than digits")
        samples = np.fromstring(text, dtype=np.int32, sep=" ").clip(0, 65_535).astype(np.uint16)
    if len(samples) < count:
        raise _damaged(f"{len(samples):,} samples, {count:,} expected")
    kept: NDArray[np.uint16] = samples[:count]
    return kept


def _body(content: bytes, header: Header, size: int) -> memoryview:
    body = memoryview(content)[header.start : header.start + size]
    if len(body) < size:
        raise _damaged(f"{len(body):,} bytes of pixels, {size:,} expected")
    return body


def _damaged(found: str) -> UnreadablePhoto:
    return UnreadablePhoto(RejectKind.DAMAGED_IMAGE, f"PPM: {found}")
