"""Which objects under the prefix of the photos are ignored."""

from __future__ import annotations

import pytest

from verger_contract.photos import is_ignored

IGNORED = [
    ".DS_Store",
    "._1.jpg",
    ".7.jpg",
    "",
    "Thumbs.db",
    "THUMBS.DB",
    "desktop.ini",
    "desktop.INI",
    "Kiwi_$folder$",
]
PHOTOS = ["1.jpg", "not a photo.txt", "THUMBS.jpg", "no-extension", "x.heic", "control\x01\x1f.jpg"]


@pytest.mark.parametrize("name", IGNORED)
def test_markers_hidden_files_and_desktop_files_are_ignored(name: str) -> None:
    assert is_ignored(f"images/Kiwi/{name}")


@pytest.mark.parametrize("name", PHOTOS)
def test_all_other_objects_are_photos_even_in_a_hidden_folder(name: str) -> None:
    assert not is_ignored(f"images/Kiwi/{name}")
    assert not is_ignored(f"images/.hidden/{name}")
