"""WebP: libwebp decodes it to RGB or RGBA of 8 bits.

Source: WebP Container Specification (Google), section "Extended File Format".
"""

from __future__ import annotations

from verger_photo.formats.accepted import OPAQUE, RGB, PixelType, check, not_supported
from verger_photo.formats.opened import Opened, by_pillow

CODINGS = {b"VP8 ": "lossy", b"VP8L": "lossless", b"VP8X": "extended"}


def opened(content: bytes) -> Opened:
    """Open a WebP file. Of an animation, the first frame is taken.

    Raises
    ------
    UnreadablePhoto
        The first chunk is unknown, or the first frame does not cover the canvas.
    """
    check(PixelType("WEBP", RGB, 8, OPAQUE, CODINGS.get(content[12:16], repr(content[12:16]))))
    image = by_pillow(content, "WEBP")
    frame = (
        content.find(b"ANMF", 12, 4096)
        if content[12:16] == b"VP8X" and content[20:21] > b"" and content[20] & 2
        else -1
    )
    if frame >= 0 and frame + 20 <= len(content):
        width, height = (1 + int.from_bytes(content[frame + at : frame + at + 3], "little") for at in (14, 17))
        if (width, height) != image.size:
            raise not_supported("WEBP, the first frame of the animation does not cover the canvas")
    return Opened(image)
