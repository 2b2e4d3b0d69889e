"""BMP: Pillow decodes run-length compression in Python, which takes time."""

from __future__ import annotations

from verger_photo.limits.headers.header import Header
from verger_photo.limits.sizes import too_large

MAX_RUN_LENGTH_BYTES = 12_000_000
"""A run of two bytes takes 0.5 microseconds."""


def header(content: bytes) -> Header:
    """Return the memory of the decoder of run-length compression: a second copy of the indices."""
    run_length = len(content) >= 34 and int.from_bytes(content[30:34], "little") in (1, 2)
    if run_length and len(content) > MAX_RUN_LENGTH_BYTES:
        raise too_large(
            f"run-length compression in a file of {len(content):,} bytes, the limit is {MAX_RUN_LENGTH_BYTES:,}"
        )
    return Header(content, per_pixel=1 if run_length else 0)
