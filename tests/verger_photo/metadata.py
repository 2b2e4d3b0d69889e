"""Photos with metadata that name a person and a place: EXIF with GPS, XMP, comments, a colour profile."""

from __future__ import annotations

import io

from PIL import ExifTags, Image, PngImagePlugin

SECRET = b"Jeanne Dupont"
"""A text that is in the metadata of every photo of this module, uncompressed."""

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><exif:GPSLatitude>%s</exif:GPSLatitude></x:xmpmeta>' % SECRET


def exif(orientation: int = 6) -> Image.Exif:
    """EXIF data with an orientation, a description, a date, a serial number and a position."""
    tags, text = Image.Exif(), SECRET.decode()
    tags[ExifTags.Base.Orientation] = orientation
    tags[ExifTags.Base.ImageDescription] = tags[ExifTags.Base.Artist] = text
    tags[ExifTags.Base.DateTime] = "2026:11:27 08:00:00"
    tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.BodySerialNumber] = text
    position = tags.get_ifd(ExifTags.IFD.GPSInfo)
    position |= {ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: (48.0, 51.0, 24.0)}
    position |= {ExifTags.GPS.GPSLongitudeRef: "E", ExifTags.GPS.GPSLongitude: (2.0, 21.0, 3.0)}
    position[ExifTags.GPS.GPSAreaInformation] = b"ASCII\0\0\0" + SECRET
    return tags


def text_of_png() -> PngImagePlugin.PngInfo:
    """The text chunks of a PNG."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("Comment", SECRET.decode())
    chunks.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return chunks


METADATA: dict[str, dict[str, object]] = {
    "JPEG": {"exif": exif(), "xmp": XMP, "comment": SECRET, "icc_profile": SECRET * 20},
    "PNG": {"exif": exif(), "pnginfo": text_of_png()},
    "WEBP": {"exif": exif(), "xmp": XMP, "icc_profile": SECRET * 20, "lossless": True},
    "AVIF": {"exif": exif(1), "xmp": XMP},
    "TIFF": {"exif": exif(), "tiffinfo": {700: XMP, 270: SECRET.decode()}},
    "GIF": {"comment": SECRET},
    "JPEG2000": {"comment": SECRET},
}
"""The options of Pillow's `save` that write the metadata, by format."""


def photo(form: str = "JPEG", size: tuple[int, int] = (96, 64)) -> bytes:
    """A photo with all metadata that its format can hold."""
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(buffer, form, **METADATA[form])
    return buffer.getvalue()
