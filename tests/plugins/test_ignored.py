"""Which objects under the prefix of the photos are ignored."""

from __future__ import annotations

import random

import pyarrow
import pytest

from verger_contract.photos import is_ignored, may_be_ignored

IGNORED = [
    ".DS_Store",
    "._1.jpg",
    ".7.jpg",
    "...jpg",
    "",
    "Thumbs.db",
    "THUMBS.DB",
    "ehthumbs.db",
    "desktop.ini",
    "desktop.INI",
    "Picasa.ini",
    "Icon\r",
    "Kiwi_$folder$",
]
PHOTOS = ["1.jpg", "not a photo.txt", "THUMBS.jpg", "no-extension", "x.heic", "control\x01\x1f.jpg", "7..jpg", "7."]
FOLDERS = [
    ".hidden",
    ".ipynb_checkpoints",
    ".thumbnails",
    ".Trash-1000/files",
    "...",
    "__MACOSX",
    "__macosx/Kiwi",
    "@eaDir/7.jpg",
    "#recycle",
    "@Recycle",
    "$RECYCLE.BIN",
    "$Recycle.Bin",
    "System Volume Information",
    "lost+found",
]


@pytest.mark.parametrize("name", IGNORED)
def test_markers_hidden_files_and_desktop_files_are_ignored(name: str) -> None:
    assert is_ignored(f"images/Kiwi/{name}", "images/")
    assert is_ignored(name)


@pytest.mark.parametrize("name", PHOTOS)
def test_all_other_objects_are_photos(name: str) -> None:
    assert not is_ignored(f"images/Kiwi/{name}", "images/")
    assert not is_ignored(name)


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("name", PHOTOS[:2])
def test_everything_in_a_hidden_folder_or_a_system_folder_is_ignored(folder: str, name: str) -> None:
    for key in (f"{folder}/{name}", f"Kiwi/{folder}/{name}", f"{folder}/Kiwi/deep/{name}"):
        assert is_ignored(f"images/{key}", "images/")
        assert is_ignored(key)


@pytest.mark.parametrize("folder", ["./Kiwi", "../Kiwi", "Kiwi/.", "Kiwi/..", "Kiwi//deep", "x.thumbnails", "MACOSX"])
def test_dot_segments_and_folders_with_similar_names_are_not_hidden(folder: str) -> None:
    assert not is_ignored(f"images/{folder}/7.jpg", "images/")


@pytest.mark.parametrize("key", ["images/Kiwi/.", "images/Kiwi/..", "images/Kiwi/__MACOSX", "images/Kiwi/lost+found"])
def test_a_file_with_such_a_name_becomes_a_reject(key: str) -> None:
    assert not is_ignored(key, "images/")


@pytest.mark.parametrize("prefix", [".data/images/", "__MACOSX/", "lost+found/.x/"])
def test_the_prefix_may_have_hidden_segments(prefix: str) -> None:
    assert not is_ignored(f"{prefix}Kiwi/7.jpg", prefix)
    assert is_ignored(f"{prefix}.x/7.jpg", prefix)


def test_the_fast_check_finds_every_ignored_key() -> None:
    drawn = random.Random(0)
    parts = [
        *IGNORED,
        *PHOTOS,
        *(part for folder in FOLDERS for part in folder.split("/")),
        "A",
        "é",
        "\u212a",
        "\u0130",
    ]
    keys = ["images/" + "/".join(drawn.choices(parts, k=drawn.randrange(1, 4))) for _ in range(20_000)]
    found = {keys[place] for place in may_be_ignored(pyarrow.array(keys))}
    assert {key for key in keys if is_ignored(key, "images/")} <= found
    assert len(found) < len({*keys})
