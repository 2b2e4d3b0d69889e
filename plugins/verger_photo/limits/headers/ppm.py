"""PPM, PGM and PBM: limits what Pillow decodes in Python."""

from __future__ import annotations

import re

from verger_photo.limits.headers.header import Header
from verger_photo.limits.sizes import too_large

MAX_HEADER_BYTES = 64 * 1024
"""Pillow reads comments of the header byte by byte."""

MAX_TEXT_BYTES = 16_000_000
"""A file with samples in text takes 0.15 seconds for each megabyte."""

MAX_COMMENTS = 100
"""Pillow copies up to 1 MB for each comment between samples in text."""

IN_C = {(b"P4", None), (b"P5", b"255"), (b"P5", b"65535"), (b"P6", b"255")}
"""First bytes and maximum of the files that Pillow does not decode in Python."""

_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_SIZE = 2 * (_GAP + rb"[^\s#]+")
_HEADER = re.compile(rb"P(?:[14]" + _SIZE + rb"|[2356fF]" + _SIZE + _GAP + rb"(?P<maximum>[^\s#]+))\s")

PYTHON_PIXEL_BYTES = 8
"""Samples that Python computes, and their copy."""


def header(content: bytes) -> Header:
    """Return the memory of the decoder. Pillow decodes in C if the samples have 8 or 16 bits and no lower maximum."""
    found = _HEADER.match(content[:MAX_HEADER_BYTES])
    if not found and len(content) > MAX_HEADER_BYTES:
        raise too_large(f"the header has more than {MAX_HEADER_BYTES:,} bytes")
    if content[:2] in (b"P1", b"P2", b"P3"):
        if len(content) > MAX_TEXT_BYTES:
            raise too_large(f"samples in a text of {len(content):,} bytes, the limit is {MAX_TEXT_BYTES:,}")
        if content.count(b"#") > MAX_COMMENTS:
            raise too_large(f"more than {MAX_COMMENTS} comments")
    in_c = found and (content[:2], found["maximum"]) in IN_C
    return Header(content, per_pixel=0 if in_c else PYTHON_PIXEL_BYTES)
