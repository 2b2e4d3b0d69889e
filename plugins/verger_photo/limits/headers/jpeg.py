"""JPEG: drops large metadata, and computes the memory of coefficients and the time of scans."""

from __future__ import annotations

from dataclasses import dataclass, field

from verger_photo.limits.headers.header import Header
from verger_photo.limits.sizes import check_parts, too_large

START_OF_SCAN = 0xDA
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
COMMENT, APP0, APP15 = 0xFE, 0xE0, 0xEF

MAX_METADATA_BYTES = 1_000_000
"""With more metadata, only the used segments are kept. Pillow copies all EXIF segments for each further one."""

MAX_SCANNED_PIXELS = 1_000_000_000
"""Pixels of the image times number of scans. A scan of a progressive JPEG takes up to 3 ns for each pixel."""

COEFFICIENT_BYTES = 2


@dataclass
class Segments:
    """What the segments before the first scan say.

    Attributes
    ----------
    frame : bytes
        The body of the frame header.
    frame_marker : int
    scan : int
        Position of the first scan.
    components_in_scan : int
        Number of components in the first scan.
    metadata : list of (int, int, int)
        Marker, start and end of each APPn and comment segment.
    """

    frame: bytes = b""
    frame_marker: int = 0
    scan: int = 0
    components_in_scan: int = 0
    metadata: list[tuple[int, int, int]] = field(default_factory=list)


def header(content: bytes) -> Header:
    """Return the file without large metadata, and the bytes of its coefficients.

    libjpeg decodes a baseline JPEG row by row. It holds the coefficients of the whole image if the JPEG is progressive,
    or has its components in several scans.
    """
    found = _segments(content)
    components = [(part[1] >> 4, part[1] & 15) for part in _triples(found.frame[6:])]
    fixed = 0
    if components and (found.frame_marker in PROGRESSIVE or found.components_in_scan < len(components)):
        height, width = (int.from_bytes(found.frame[start : start + 2], "big") for start in (1, 3))
        scans = content.count(b"\xff\xda", found.scan)  # in the data of a scan, no marker follows 0xFF
        if scans * width * height > MAX_SCANNED_PIXELS:
            raise too_large(
                f"{scans:,} scans of {width} x {height} pixels, the limit is {MAX_SCANNED_PIXELS:,} pixels in all scans"
            )
        fixed = _coefficients(width, height, components)
    return Header(_without(content, found.metadata), fixed=fixed)


def _coefficients(width: int, height: int, components: list[tuple[int, int]]) -> int:
    """Return the bytes of the coefficients. A component has whole blocks of 8 x 8 in each unit of the largest one."""
    across, down = max(1, *(x for x, _ in components)), max(1, *(y for _, y in components))
    units = -(-width // (8 * across)) * -(-height // (8 * down))
    return units * sum(x * y for x, y in components) * 64 * COEFFICIENT_BYTES


def _triples(body: bytes) -> list[bytes]:
    return [body[start : start + 3] for start in range(0, len(body) - 2, 3)]


def _segments(content: bytes) -> Segments:
    found, position, parts = Segments(), 2, 0
    while 0 <= (start := content.find(b"\xff", position)) < len(content) - 3:
        parts += 1 + start - position  # Pillow skips other bytes one by one
        check_parts(parts, "segments")
        marker = content[start + 1]
        if marker in (0x00, 0xFF) or marker in WITHOUT_LENGTH:
            position = start + (1 if marker == 0xFF else 2)
            continue
        end = start + 2 + int.from_bytes(content[start + 2 : start + 4], "big")
        if marker == START_OF_SCAN:
            found.scan, found.components_in_scan = start, content[start + 4] if start + 4 < len(content) else 0
            break
        if marker in FRAMES:
            found.frame, found.frame_marker = content[start + 4 : end], marker
        elif marker == COMMENT or APP0 <= marker <= APP15:
            found.metadata.append((marker, start, end))
        position = end
    return found


def _without(content: bytes, metadata: list[tuple[int, int, int]]) -> bytes:
    """Drop metadata if it is large: all but JFIF, Adobe's colour transform, and the first EXIF segment."""
    if sum(end - start for _, start, end in metadata) <= MAX_METADATA_BYTES:
        return content
    kept, position, exif = [], 0, False
    for marker, start, end in metadata:
        is_exif = marker == 0xE1 and content.startswith(b"Exif\0", start + 4)
        if marker in (0xE0, 0xEE) or (is_exif and not exif):
            exif |= is_exif
            continue
        kept.append(content[position:start])
        position = end
    return b"".join([*kept, content[position:]])
