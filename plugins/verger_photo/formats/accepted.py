"""The table of accepted pixel types. Each row is proven against independent readers in tests/verger_photo/sweep."""

from __future__ import annotations

from dataclasses import dataclass, field

from verger_contract.reasons import RejectKind
from verger_photo.unreadable import UnreadablePhoto

GREY, INVERTED, RGB, PALETTE, CMYK, YCCK, YCBCR = "grey", "inverted grey", "RGB", "palette", "CMYK", "YCCK", "YCbCr"
OPAQUE, STRAIGHT, PREMULTIPLIED, UNUSED, KEY = "none", "straight", "premultiplied", "unused sample", "colour key"
UNSIGNED, SIGNED, FLOAT = "unsigned", "signed", "float"
PIXELS, PLANES = "pixels", "planes"


@dataclass(frozen=True)
class PixelType:
    """How the samples of an image are stored.

    Attributes
    ----------
    form : str
        The format, by Pillow's name.
    colour : str
        What the samples mean. `inverted grey` is WhiteIsZero of TIFF.
    bits : int
        Bits of a sample, or of a pixel of a BMP file.
    alpha : str
        The kind of transparency. An unused sample is a fourth one that no viewer shows.
    coding : str
        The compression, or the variant of the format.
    order : str
        `pixels`: the samples of a pixel lie together. `planes`: each channel lies apart.
    samples : str
        unsigned, signed or float.
    """

    form: str
    colour: str
    bits: int
    alpha: str = OPAQUE
    coding: str = ""
    order: str = PIXELS
    samples: str = UNSIGNED

    def __str__(self) -> str:
        samples = "" if self.samples == UNSIGNED else f"{self.samples} "
        parts = [self.form, f"{self.bits}-bit {samples}{self.colour}"]
        parts += [f"alpha: {self.alpha}"] if self.alpha != OPAQUE else []
        parts += ["in planes"] if self.order == PLANES else []
        return ", ".join([*parts, *([self.coding] if self.coding else [])])


@dataclass(frozen=True)
class Row:
    """Accepted pixel types: every combination of the values."""

    form: str
    colours: tuple[str, ...]
    bits: tuple[int, ...]
    alphas: tuple[str, ...] = (OPAQUE,)
    codings: tuple[str, ...] = ("",)
    orders: tuple[str, ...] = (PIXELS,)
    note: str = field(default="", compare=False)

    def has(self, found: PixelType) -> bool:
        """Whether the row accepts a pixel type. Only unsigned samples are accepted."""
        return (
            found.form == self.form
            and found.colour in self.colours
            and found.bits in self.bits
            and found.alpha in self.alphas
            and found.coding in self.codings
            and found.order in self.orders
            and found.samples == UNSIGNED
        )


_TIFF = ("uncompressed", "LZW", "deflate", "PackBits", "LZMA", "ZSTD")
_JPEG = ("baseline", "extended", "progressive")

ACCEPTED = (
    Row("JPEG", (GREY, YCBCR, RGB), (8,), codings=_JPEG),
    Row("JPEG", (CMYK, YCCK), (8,), codings=_JPEG, note="with an Adobe segment: inks are stored inverted"),
    Row("PNG", (GREY,), (1, 2, 4, 8, 16), (OPAQUE, KEY), note="interlaced or not"),
    Row("PNG", (GREY,), (8, 16), (STRAIGHT,)),
    Row("PNG", (RGB,), (8, 16), (OPAQUE, STRAIGHT)),
    Row("PNG", (RGB,), (8,), (KEY,)),
    Row("PNG", (PALETTE,), (1, 2, 4, 8), (OPAQUE, STRAIGHT)),
    Row("GIF", (PALETTE,), (8,), (OPAQUE, KEY), note="pixels outside of the first frame are transparent"),
    Row("WEBP", (RGB,), (8,), (OPAQUE, STRAIGHT), ("lossy", "lossless", "extended")),
    Row(
        "AVIF",
        (GREY, RGB),
        (8, 10, 12),
        (OPAQUE, STRAIGHT),
        note="libavif converts to RGB and undoes a premultiplied alpha",
    ),
    Row("TIFF", (GREY, INVERTED), (1,), codings=(*_TIFF, "CCITT")),
    Row("TIFF", (GREY, INVERTED), (2, 4, 8), codings=_TIFF),
    Row("TIFF", (GREY,), (16,), codings=_TIFF),
    Row("TIFF", (GREY,), (8,), (STRAIGHT, UNUSED), codings=_TIFF),
    Row("TIFF", (RGB,), (8, 16), (OPAQUE, STRAIGHT, PREMULTIPLIED, UNUSED), _TIFF, (PIXELS, PLANES)),
    Row("TIFF", (PALETTE,), (1, 2, 4, 8), codings=_TIFF),
    Row("TIFF", (CMYK,), (8, 16), (OPAQUE,), _TIFF, (PIXELS, PLANES), "InkSet CMYK"),
    Row("TIFF", (GREY, RGB, YCBCR), (8,), codings=("JPEG",), note="not the old JPEG compression 6"),
    Row("BMP", (PALETTE,), (1, 4, 8), note="bottom-up or top-down"),
    Row("BMP", (PALETTE,), (4, 8), codings=("RLE",)),
    Row("BMP", (RGB,), (16, 24, 32), codings=("", "bit fields")),
    Row("BMP", (RGB,), (32,), (STRAIGHT,), ("bit fields",)),
    Row("PPM", (GREY, RGB), (1, 8, 16), codings=("binary", "plain"), note="PBM, PGM and PPM with every maximum value"),
    Row("JPEG2000", (GREY, RGB), tuple(range(8, 17)), (OPAQUE, STRAIGHT)),
    Row("JPEG2000", (YCBCR,), (8,)),
)
"""Every accepted pixel type. The table in docs/photos.md is made from it."""


def check(found: PixelType) -> None:
    """Raise unless the pixel type is accepted.

    Raises
    ------
    UnreadablePhoto
        The pixel type is not in `ACCEPTED`.

    Examples
    --------
    >>> check(PixelType("TIFF", "grey", 32, coding="uncompressed", samples="float"))
    Traceback (most recent call last):
    verger_photo.unreadable.UnreadablePhoto: pixel type not supported (TIFF, 32-bit float grey, uncompressed)
    """
    if not any(row.has(found) for row in ACCEPTED):
        raise not_supported(str(found))


def not_supported(found: str) -> UnreadablePhoto:
    """Return the reject of a file whose pixels cannot be decoded with certainty."""
    return UnreadablePhoto(RejectKind.PIXEL_TYPE, found)


def markdown_table() -> str:
    """Return `ACCEPTED` as a table of docs/photos.md."""
    lines = ["| format | colour | bits | alpha | coding | order | |", "| --- | --- | --- | --- | --- | --- | --- |"]
    for row in ACCEPTED:
        bits = f"{row.bits[0]} to {row.bits[-1]}" if len(row.bits) > 5 else ", ".join(map(str, row.bits))
        cells = [row.form, ", ".join(row.colours), bits, ", ".join(row.alphas)]
        cells += [", ".join(filter(None, row.codings)), ", ".join(row.orders), row.note]
        lines.append(f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |"))
    return "\n".join(lines)
