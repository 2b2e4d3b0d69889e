"""PPM, PGM and PBM: computes the memory of the samples, and limits comments and text."""

from __future__ import annotations

import re

from verger_photo.limits.headers.header import Header
from verger_photo.limits.sizes import too_large

MAX_HEADER_BYTES = 64 * 1024
"""Pillow reads comments of the header byte by byte."""

MAX_TEXT_BYTES = 16_000_000
"""Samples in text take five times the memory of other samples."""

MAX_COMMENTS = 100
"""Pillow's reader of the header takes comments one by one."""

BYTES = b"255"
"""The maximum of samples that are not scaled."""

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_SIZE = 2 * (_GAP + rb"[^\s#]+")
_HEADER = re.compile(rb"P(?:[14]" + _SIZE + rb"|[2356fF]" + _SIZE + _GAP + rb"(?P<maximum>[^\s#]+))\s")

PIXEL_BYTES, SCALED_PIXEL_BYTES, TEXT_BYTES = 6, 12, 8
"""Bytes that numpy takes for a pixel, for a pixel whose samples are scaled, and for a byte of text."""


def header(content: bytes) -> Header:
    """Return the memory of the arrays of samples."""
    found = _HEADER.match(content[:MAX_HEADER_BYTES])
    if not found and len(content) > MAX_HEADER_BYTES:
        raise too_large(f"the header has more than {MAX_HEADER_BYTES:,} bytes")
    text = content[:2] in (b"P1", b"P2", b"P3")
    if text and len(content) > MAX_TEXT_BYTES:
        raise too_large(f"samples in a text of {len(content):,} bytes, the limit is {MAX_TEXT_BYTES:,}")
    if text and content.count(b"#") > MAX_COMMENTS:
        raise too_large(f"more than {MAX_COMMENTS} comments")
    scaled = not found or found["maximum"] not in (None, BYTES)
    per_pixel = SCALED_PIXEL_BYTES if scaled else PIXEL_BYTES
    return Header(content, per_pixel=per_pixel, fixed=TEXT_BYTES * len(content) if text else 0)
