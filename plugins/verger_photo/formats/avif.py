"""AVIF: libavif decodes it to RGB of 8 bits.

Source: AV1 Image File Format (Alliance for Open Media), version 1.1; MIAF (ISO/IEC 23000-22), section 7.3.6.
"""

from __future__ import annotations

from verger_contract.reasons import RejectKind
from verger_photo.formats.accepted import GREY, RGB, PixelType, check, not_supported
from verger_photo.formats.boxes import boxes, find
from verger_photo.formats.opened import Opened, by_pillow
from verger_photo.unreadable import UnreadablePhoto


def opened(content: bytes) -> Opened:
    """Open an AVIF file. Pillow reports its rotation and its mirror as an orientation.

    Raises
    ------
    UnreadablePhoto
        The header is damaged, or the file is to be cropped (clap), which Pillow does not do.
    """
    place = find(content, (b"meta", b"iprp", b"ipco"))
    kinds = {kind: body for kind, body, _ in boxes(content, *place)} if place else {}
    if b"clap" in kinds:
        raise not_supported("AVIF, with a clean aperture (clap)")
    config = kinds.get(b"av1C", content.find(b"av1C") + 4)
    if config < 4 or config + 3 > len(content):
        raise UnreadablePhoto(RejectKind.DAMAGED_IMAGE, "AVIF: no configuration of AV1")
    flags = content[config + 2]
    bits = (12 if flags & 0x20 else 10) if flags & 0x40 else 8
    check(PixelType("AVIF", GREY if flags & 0x10 else RGB, bits))
    return Opened(by_pillow(content, "AVIF"))
