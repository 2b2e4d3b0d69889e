"""The format of a file, from its first bytes."""

from __future__ import annotations

import re

from verger_contract.reasons import RejectKind
from verger_photo.unreadable import UnreadablePhoto

ACCEPTED = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "GIF": rb"GIF8[79]a",
    "WEBP": rb"RIFF....WEBP",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    "BMP": rb"BM",
    "PPM": rb"P[1-6][\s#]|P[fF]\s",
    "JPEG2000": rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n",
    "AVIF": rb"....ftyp(avi[fs]|(mif1|msf1).{4}(....){0,12}avi[fs])",
}
"""Pattern of the first bytes, for each name in `IMAGE_FORMATS`."""

OTHERS = {
    "HEIC or HEIF": rb"....ftyp(hei[cxms]|hev[cxms]|mif[12]|msf1|mia[fF])",
    "Canon CR3 raw": rb"....ftypcrx ",
    "MP4 or QuickTime video": rb"....ftyp|....(moov|mdat|wide|free)",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n",
    "JPEG XR": rb"II\xbc",
    "Photoshop PSD": rb"8BPS",
    "PDF": rb"%PDF",
    "PostScript": rb"%!PS|\xc5\xd0\xd3\xc6",
    "SVG or XML": rb"(\xef\xbb\xbf)?\s*<(\?xml|svg)",
    "HTML": rb"\s*<(!doctype html|html)",
    "Olympus ORF raw": rb"II(RO|RS)|MMOR",
    "Panasonic RW2 raw": rb"IIU\0",
    "Fujifilm RAF raw": rb"FUJIFILMCCD-RAW",
    "Sigma X3F raw": rb"FOVb",
    "Minolta MRW raw": rb"\0MRM",
    "Canon CRW raw": rb"II\x1a\0\0\0HEAPCCDR",
    "PAM": rb"P7\s",
    "OpenEXR": rb"v/1\x01",
    "Radiance HDR": rb"#\?(RADIANCE|RGBE)",
    "DDS": rb"DDS ",
    "ICO": rb"\0\0[\1\2]\0",
    "QOI": rb"qoif",
    "FLIF": rb"FLIF",
    "BPG": rb"BPG\xfb",
    "GIMP XCF": rb"gimp xcf",
    "FITS": rb"SIMPLE  =",
    "DICOM": rb".{128}DICM",
    "HDF5": rb"\x89HDF\r\n",
    "zip archive": rb"PK\x03\x04",
    "gzip archive": rb"\x1f\x8b",
    "RIFF": rb"RIFF",
    "Matroska or WebM video": rb"\x1a\x45\xdf\xa3",
}
"""Formats that are not accepted. The reason of the reject names them. The first pattern that matches counts."""

_ACCEPTED = [(name, re.compile(pattern, re.DOTALL)) for name, pattern in ACCEPTED.items()]
_OTHERS = [(name, re.compile(pattern, re.DOTALL | re.IGNORECASE)) for name, pattern in OTHERS.items()]


def format_of(content: bytes) -> str:
    r"""Return the format of an image file, by Pillow's name.

    Raises
    ------
    UnreadablePhoto
        The content is empty, or has none of the accepted formats.

    Examples
    --------
    >>> format_of(b"GIF89a")
    'GIF'
    >>> format_of(b"%PDF-1.7")
    Traceback (most recent call last):
    verger_photo.unreadable.UnreadablePhoto: not an image (PDF is not one of the accepted formats)
    """
    if not content:
        raise UnreadablePhoto(RejectKind.EMPTY_FILE, "0 bytes")
    for name, pattern in _ACCEPTED:
        if pattern.match(content):
            return name
    for name, pattern in _OTHERS:
        if pattern.match(content):
            raise UnreadablePhoto(RejectKind.NOT_AN_IMAGE, f"{name} is not one of the accepted formats")
    raise UnreadablePhoto(RejectKind.NOT_AN_IMAGE, f"no known image format, begins with {content[:12]!r}")
