"""Checks a photo before it is decoded."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from verger_photo.limits import memory
from verger_photo.limits.headers import avif, bmp, gif, jpeg, jpeg2000, png, ppm, tiff, webp
from verger_photo.limits.headers.header import Header
from verger_photo.limits.sizes import Limits, too_large

HEADERS: dict[str, Callable[[bytes], Header]] = {
    "JPEG": jpeg.header,
    "PNG": png.header,
    "GIF": gif.header,
    "WEBP": webp.header,
    "TIFF": tiff.header,
    "BMP": bmp.header,
    "PPM": ppm.header,
    "JPEG2000": jpeg2000.header,
    "AVIF": avif.header,
}


def read_header(form: str, content: bytes) -> Header:
    """Return the file without its metadata, and the memory of its decoder.

    Parameters
    ----------
    form : str
        The format, by Pillow's name.
    content : bytes

    Raises
    ------
    UnreadablePhoto
        Pillow would take too long for the header, or the decoder for the pixels.
    """
    return HEADERS.get(form, Header)(content)


def check(image: Image.Image, header: Header, limits: Limits) -> None:
    """Check an image that is opened, but not loaded yet.

    Raises
    ------
    UnreadablePhoto
        The image is larger than the limits, or its decoding needs more memory.
    """
    limits.check_size(*image.size)
    needed = memory.peak(image, header)
    if needed > limits.memory:
        found = f"{image.width} x {image.height} pixels"
        raise too_large(
            f"{found} of this kind and the file take {needed >> 20:,} MiB, the limit is {limits.memory >> 20:,} MiB"
        )
