"""TIFF: pages that are not the photo, tags that contradict each other, and the orientation of XMP."""

from __future__ import annotations

import numpy as np
import pytest

from tests.verger_photo.sweep.case import picture
from tests.verger_photo.sweep.tiff_file import Layout, Tag, page, tiff
from verger_photo.decode import rgb_image
from verger_photo.unreadable import UnreadablePhoto

RGB = 2
SMALL, LARGE = picture(16, 12), picture(80, 60)


def written(*pages: tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], dict[int, Tag | None]]) -> bytes:
    return tiff([page(samples, RGB, Layout(tags=tags)) for samples, tags in pages])


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (written((SMALL, {254: (4, [1])}), (LARGE, {})), "the first page is marked as a thumbnail"),
        (written((SMALL, {255: (3, [2])}), (LARGE, {})), "the first page is marked as a thumbnail"),
        (written((SMALL, {254: (4, [4])}), (LARGE, {})), "the first page is a transparency mask"),
        (written((SMALL, {}), (LARGE, {})), "the first page is smaller than another one"),
        (written((LARGE, {50706: (1, [1, 4, 0, 0])})), "Adobe DNG raw"),
        (written((LARGE, {258: (3, [8, 8, 16])})), "samples of different types"),
        (written((LARGE, {338: (3, [2])})), "samples besides the colours"),
        (written((LARGE, {262: None})), "no tag PhotometricInterpretation"),
        (written((LARGE, {262: (3, [99])})), "photometric 99"),
        (written((LARGE, {259: (3, [34887])})), "LERC"),
        (written((LARGE, {317: (3, [2])})), "predictor 2"),
        (written((LARGE, {278: (3, [10])})), "1 strips or tiles, 6 expected"),
        (written((LARGE, {258: (3, [8, 8])})), "2 values for 3 samples"),
        (written((LARGE, {273: (4, [8, 8])})), "2 strips or tiles, 1 expected"),
    ],
)  # fmt: skip
def test_what_is_not_certain_is_rejected(content: bytes, found: str) -> None:
    with pytest.raises(UnreadablePhoto, match=found):
        rgb_image(content)


def test_a_directory_of_a_larger_image_inside_the_first_page_is_a_reject() -> None:
    content = written((SMALL, {330: (4, [0])}), (LARGE, {}))
    second = tiff_offset_of_second_page(content)
    with pytest.raises(UnreadablePhoto, match="smaller than another one"):
        rgb_image(written((SMALL, {330: (4, [second])}), (LARGE, {})))


def tiff_offset_of_second_page(content: bytes) -> int:
    first = int.from_bytes(content[4:8], "little")
    count = int.from_bytes(content[first : first + 2], "little")
    end = first + 2 + 12 * count
    return int.from_bytes(content[end : end + 4], "little")


def test_the_first_of_equal_pages_is_taken() -> None:
    content = written((LARGE, {}), (LARGE[::-1], {}), (SMALL, {254: (4, [1])}))
    np.testing.assert_array_equal(np.asarray(rgb_image(content)), LARGE)


def test_the_orientation_of_xmp_is_ignored() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    content = written((LARGE, {700: (1, list(xmp))}))
    np.testing.assert_array_equal(np.asarray(rgb_image(content)), LARGE)


def test_pages_in_a_cycle_are_a_reject() -> None:
    content = bytearray(written((LARGE, {})))
    first = int.from_bytes(content[4:8], "little")
    end = first + 2 + 12 * int.from_bytes(content[first : first + 2], "little")
    content[end : end + 4] = content[4:8]
    with pytest.raises(UnreadablePhoto, match="form a cycle"):
        rgb_image(bytes(content))
