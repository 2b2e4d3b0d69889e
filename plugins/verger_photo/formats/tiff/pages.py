"""Whether the first page of a TIFF file is the photo. A thumbnail or the preview of a raw file is rejected."""

from __future__ import annotations

from verger_photo.formats.accepted import not_supported
from verger_photo.formats.tiff.directory import Directory, damaged, directories, sub_directories

WIDTH, HEIGHT, NEW_SUBFILE_TYPE, SUBFILE_TYPE, SUB_IFDS = 256, 257, 254, 255, 330

REDUCED, MASK = 1, 4
"""Bits of NewSubfileType: a page of lower resolution, and a transparency mask."""

RAW_TAGS = {50706: "Adobe DNG raw", 37398: "TIFF/EP raw", 33422: "raw with a colour filter array", 34310: "Leaf raw"}
"""Tags that only raw files of cameras have. Their first page is a preview or has undeveloped sensor data."""


def first_page(content: bytes) -> Directory:
    """Return the first page of a TIFF file.

    Raises
    ------
    UnreadablePhoto
        The file is the raw file of a camera, the page is a thumbnail or a mask, or another page is larger.
    """
    if content[8:10] == b"CR" and content[:2] == b"II":
        raise not_supported("TIFF, Canon CR2 raw")
    pages = list(directories(content))
    if not pages:
        raise damaged("no page")
    first = pages[0]
    _check_kind(first)
    area = _area(first)
    for page in pages:
        others = [page, *sub_directories(page, SUB_IFDS)]
        for raw, name in RAW_TAGS.items():
            if any(raw in other.entries for other in others):
                raise not_supported(f"TIFF, {name}")
        if any(_area(other) > area for other in others):
            raise not_supported("TIFF, the first page is smaller than another one")
    return first


def _check_kind(page: Directory) -> None:
    kind, old_kind = page.integer(NEW_SUBFILE_TYPE, 0), page.integer(SUBFILE_TYPE, 1)
    if kind & REDUCED or old_kind == 2:
        raise not_supported("TIFF, the first page is marked as a thumbnail")
    if kind & MASK:
        raise not_supported("TIFF, the first page is a transparency mask")


def _area(page: Directory) -> int:
    return page.integer(WIDTH, 0) * page.integer(HEIGHT, 0)
