"""The table of accepted pixel types, and the page that shows it."""

from __future__ import annotations

import pytest

from tests.places import ROOT
from verger_photo.formats.accepted import PixelType, check, markdown_table
from verger_photo.unreadable import UnreadablePhoto


def test_the_page_shows_the_table() -> None:
    shown = (ROOT / "docs/photos.md").read_text()
    assert markdown_table() in shown, (
        "put the output of verger_photo.formats.accepted.markdown_table into docs/photos.md"
    )


def test_a_pixel_type_outside_of_the_table_is_named() -> None:
    found = PixelType("TIFF", "grey", 32, coding="LZW", samples="float")
    with pytest.raises(UnreadablePhoto, match=r"^pixel type not supported .TIFF, 32-bit float grey, LZW.$"):
        check(found)
