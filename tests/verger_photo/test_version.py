"""The version of the preprocessing: other pixels of an accepted file need a higher version."""

from __future__ import annotations

import hashlib

import numpy as np
from PIL import Image

from tests.verger_photo.drawing import encoded
from tests.verger_photo.sweep import tiff_file
from tests.verger_photo.sweep.case import alpha_of, picture
from tests.verger_photo.sweep.other_cases import png
from verger_contract.preprocessing import VERSION, Decoding
from verger_photo.decode import decode

LARGE = picture(1200, 1000)
RGB = 2


def files() -> dict[str, bytes]:
    """A file for each rule. All but the JPEG and the AVIF files are lossless."""
    truth, alpha = picture(), alpha_of(picture())
    exif = Image.Exif()
    exif[0x0112] = 6
    wide = truth.astype(np.uint64) * 257 + 3
    tiff16 = tiff_file.tiff([tiff_file.page(wide, RGB, tiff_file.Layout(bits=16, planar=2))])
    cmyk = Image.fromarray(np.dstack([255 - truth, truth[..., 0] // 4]), mode="CMYK")
    return {
        "plain": encoded(Image.fromarray(truth), "PNG"),
        "orientation": encoded(Image.fromarray(truth), "PNG", exif=exif),
        "orientation of TIFF": encoded(Image.fromarray(truth), "TIFF", exif=exif),
        "transparency": encoded(Image.fromarray(np.dstack([truth, alpha])), "PNG"),
        "16-bit grey": png(wide[..., :1], 16, 0, interlaced=False),
        "16-bit planes": tiff16,
        "CMYK": encoded(cmyk, "TIFF"),
        "BMP": encoded(Image.fromarray(truth), "BMP"),
        "maximum 1000": b"P6\n37 29\n1000\n" + (truth.astype(int) * 1000 // 255).astype(">u2").tobytes(),
        "JPEG": encoded(Image.fromarray(truth), "JPEG", quality=90),
        "large JPEG": encoded(Image.fromarray(LARGE), "JPEG", quality=90),
    }


DIGESTS = {
    "plain": "88b423993103b600",
    "orientation": "927c0fa29aad88c8",
    "orientation of TIFF": "927c0fa29aad88c8",
    "transparency": "86c5e1570cbb93df",
    "16-bit grey": "5baf34c5c4549609",
    "16-bit planes": "88b423993103b600",
    "CMYK": "8d54d5aad84cac74",
    "BMP": "88b423993103b600",
    "maximum 1000": "ec9cf2ce9374bd5f",
    "JPEG": "45268d58e3d47a2b",
    "large JPEG": "e5a19869f49f22e3",
}
"""SHA-256 of the pixels, the first 16 digits, for VERSION 2 and the exact decoding."""
SCALED_JPEG = "599f44ad2939631c"


def digests(decoding: Decoding) -> dict[str, str]:
    return {
        name: hashlib.sha256(decode(content, decoding).tobytes()).hexdigest()[:16] for name, content in files().items()
    }


def test_the_pixels_are_those_of_the_version() -> None:
    assert VERSION == 2, "store the digests of the new version"
    found = digests(Decoding.EXACT)
    assert found == DIGESTS, "an accepted photo gets other pixels: raise VERSION in verger_contract/preprocessing.py"


def test_the_scaled_pixels_are_those_of_the_version() -> None:
    """Only the large JPEG has other pixels than with the exact decoding."""
    found = digests(Decoding.SCALED)
    assert {name for name in found if found[name] != DIGESTS[name]} == {"large JPEG"}
    assert found["large JPEG"] == SCALED_JPEG
