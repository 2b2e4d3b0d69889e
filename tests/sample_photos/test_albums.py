"""Albums: the files of a folder or a zip file, and the name of its bucket."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sample_photos.albums import Album


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_albums_leave_out_files_that_describe_them(tmp_path: Path, kind: str) -> None:
    for name in ("LICENSE", "readme.md", "loose.jpg", "Test/Kiwi/1.jpg", "Test/Kiwi/2.jpg", "Test/Pear/.DS_Store"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_text(name)
    source = tmp_path / "set"
    if kind == "zip":
        source = Path(shutil.make_archive(str(tmp_path / "My Set"), "zip", source))
    album = Album(source)
    assert [name for name, _ in album.files()] == ["Test/Kiwi/1.jpg", "Test/Kiwi/2.jpg", "loose.jpg"]
    assert album.skipped.counts == {"no photo, at the top of the album": 2, "hidden file or folder": 1}
    assert [name for name, _ in Album(source, limit=2).files()] == ["Test/Kiwi/1.jpg", "Test/Kiwi/2.jpg"]
    drawn = [name for name, _ in Album(source, drawn=True).files()]
    assert "Test/Pear/.DS_Store" in drawn, "the DAG ignores it"


def test_different_sources_have_different_buckets() -> None:
    given = [Album(Path(source)) for source in ("/x/photos", "/y/photos", "/x/photos.zip", "orchard.zip", "orchard")]
    drawn = Album(Path("orchard"), drawn=True)
    limited = [Album(Path("/x/photos"), 5), Album(Path("/x/photos-5")), Album(Path("orchard"), 5, drawn=True)]
    names = [album.name for album in (*given, drawn, *limited)]
    assert len(set(names)) == len(names)
    assert drawn.name == "orchard"
    assert names[0].startswith("photos-")
    assert Album(Path("/x/y/../photos")).name == names[0], "one source, one bucket"
    assert len(Album(Path("/" + "long " * 40)).name) <= 50
