"""Unusual names, links and damaged entries: one line says what was skipped, and a second run sends nothing."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_aws.stack import Stack
from sample_photos.albums import Album, AlbumError, synchronise
from sample_photos.bucket import create_bucket, open_store
from sample_photos.keys import check_is_photo
from sample_photos.skipped import SkippedFileError
from tests.ports import free_ports
from tests.sample_photos.unusual_albums import (
    UNUSUAL_FOLDER,
    UNUSUAL_ZIP,
    write_unusual_folder,
    write_unusual_zip,
    write_windows_zip,
    zip_of_utf8_names_without_the_flag,
)
from verger_contract.photos import DESKTOP_FILES, SYSTEM_FOLDERS, is_ignored


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    first = free_ports()
    stack = Stack(tmp_path_factory.mktemp("stack"), s3_port=first, emr_port=first + 8)
    stack.up()
    try:
        yield stack
    finally:
        stack.down()


def keys(album: Album) -> list[str]:
    return [key for key, _ in album.files()]


def uploaded_twice(stack: Stack, album: Album) -> tuple[int, int, list[str]]:
    """Upload an album two times; return both numbers of uploaded files, and the keys in the bucket."""
    create_bucket(stack.client("s3"), f"verger-{album.name}")
    store = open_store(f"verger-{album.name}", stack.environment())
    first, second = (synchronise(store, "images/", album) for _ in range(2))
    found = stack.client("s3").list_objects_v2(Bucket=f"verger-{album.name}", Prefix="images/")["Contents"]
    return first, second, sorted(item["Key"].removeprefix("images/") for item in found)


def test_an_unusual_folder(tmp_path: Path, stack: Stack) -> None:
    (tmp_path / "unusual").mkdir()
    expected = write_unusual_folder(tmp_path / "unusual")
    album = Album(tmp_path / "unusual")
    assert keys(album) == expected
    assert album.skipped.counts == UNUSUAL_FOLDER
    line = str(album.skipped)
    assert line.startswith("skipped 18 files: hidden file or folder (4, ")
    assert line.isprintable()
    assert "name that is not UTF-8 (1, Kiwi/caf\\udce9.jpg)" in line
    assert uploaded_twice(stack, album) == (len(expected), 0, expected)
    assert album.skipped.counts == UNUSUAL_FOLDER, "a second run says the same"


def test_an_unusual_zip_file(tmp_path: Path, stack: Stack) -> None:
    expected = write_unusual_zip(tmp_path / "unusual.zip")
    album = Album(tmp_path / "unusual.zip")
    assert keys(album) == expected
    assert album.skipped.counts == UNUSUAL_ZIP
    assert str(album.skipped).isprintable()
    assert uploaded_twice(stack, album) == (len(expected), 0, expected)
    assert album.skipped.counts == UNUSUAL_ZIP
    assert dict(album.files())["twice/1.jpg"] == b"./twice/1.jpg", "the last entry of a name counts"


def test_a_zip_file_of_windows(tmp_path: Path, stack: Stack) -> None:
    expected = ["Fig/1.jpg", "Kiwi/1.jpg", "Kiwi/2.jpg"]
    for name in expected:
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_text(name)
    write_windows_zip(tmp_path / "windows.zip", tmp_path / "set")
    album = Album(tmp_path / "windows.zip")
    assert uploaded_twice(stack, album) == (3, 0, expected)
    assert not album.skipped


@pytest.mark.parametrize("name", ["Pomme \u00e9/1.jpg", "りんご/1.jpg"])
def test_utf8_names_without_the_flag(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.zip").write_bytes(zip_of_utf8_names_without_the_flag(name))
    assert keys(Album(tmp_path / "a.zip")) == [name]


def test_a_file_that_may_not_be_read_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permissions do not restrict root, so the error is raised here."""
    (tmp_path / "Kiwi").mkdir()
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / "Kiwi" / name).write_bytes(b"1")
    read = Path.read_bytes

    def denied(path: Path) -> bytes:
        if path.name == "1.jpg":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", denied)
    album = Album(tmp_path)
    assert keys(album) == ["Kiwi/2.jpg"]
    assert str(album.skipped) == "skipped 1 file: file that cannot be read (1, Kiwi/1.jpg)"


def test_sources_that_cannot_be_used_have_a_message_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no zip")
    os.mkfifo(tmp_path / "pipe.zip")
    (tmp_path / "loop.zip").symlink_to("loop.zip")
    (tmp_path / "empty").mkdir()
    with zipfile.ZipFile(tmp_path / "cut.zip", "w") as archive:
        archive.writestr("Kiwi/1.jpg", b"1" * 1000)
    content = (tmp_path / "cut.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[400:])
    (tmp_path / "name.zip").write_bytes(zip_of_utf8_names_without_the_flag("Kiwi/é.jpg").replace(b"\xc3\xa9", b"\xff."))
    for source, message in {
        "none": "no such file or folder",
        "text/1": "no such file or folder",
        "text": "expected a folder or a zip file",
        "pipe.zip": "expected a folder or a zip file",
        "loop.zip": "cannot be read",
        "empty": "holds no <label>/<photo>",
        "cut.zip": "",
        "a\nb\udce9": r"a\nb\udce9: no such file or folder",
    }.items():
        album = Album(tmp_path / source)
        with pytest.raises(AlbumError) as failure:
            keys(album)
        assert message in str(failure.value)
        assert str(failure.value).isprintable()
        assert album.name
    assert len(keys(Album(tmp_path / "name.zip"))) == 1, "a name in no known encoding is taken as code page 437"


def test_an_album_of_skipped_files_says_why(tmp_path: Path) -> None:
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "1.jpg").write_bytes(b"1")
    with pytest.raises(AlbumError, match=r"holds no <label>/<photo>; skipped 1 file: hidden file or folder \(1, \.hid"):
        keys(Album(tmp_path))


@pytest.mark.parametrize(
    "key",
    [
        *(f"Kiwi/{name}" for name in sorted(DESKTOP_FILES) if name.isprintable()),
        *(f"Kiwi/{folder.upper()}/1.jpg" for folder in sorted(SYSTEM_FOLDERS)),
        *("Kiwi/.1.jpg", ".a/Kiwi/1.jpg", "Kiwi/...", "Kiwi_$folder$", "Kiwi/a_$folder$"),
        *("Kiwi/1.jpg", "Kiwi/1..jpg", "Kiwi/lost+found", "Kiwi/notes.txt", "a.b/1.jpg"),
    ],
)
def test_the_demo_skips_what_the_dag_ignores(key: str) -> None:
    try:
        check_is_photo(key)
    except SkippedFileError:
        assert is_ignored(key)
    else:
        assert not is_ignored(key)
