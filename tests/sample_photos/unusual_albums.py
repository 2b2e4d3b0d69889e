"""Folders and zip files with names and entries that cannot be uploaded."""

from __future__ import annotations

import io
import os
import socket
import stat
import struct
import zipfile
from pathlib import Path

UNUSUAL_FOLDER = {
    "control character in the name": 3,
    "name that is not UTF-8": 1,
    "backslash in the name": 1,
    "hidden file or folder": 4,
    "file of a desktop or a file server": 1,
    "link to a folder": 2,
    "broken link": 2,
    "pipe, socket or device": 2,
    "zip file in the album": 1,
    "no photo, at the top of the album": 1,
}
UNUSUAL_ZIP = {
    "name with ..": 2,
    "control character in the name": 1,
    "name that occurs twice": 2,
    "name of a file and of a folder": 1,
    "name that is too long": 2,
    "no name": 1,
    "link in the zip file": 1,
    "encrypted entry": 1,
    "damaged entry": 1,
    "compression that Python cannot read": 1,
    "hidden file or folder": 2,
    "zip file in the album": 1,
    "file over 256 MiB": 1,
}
"""The number of skipped files by reason."""


def write_unusual_folder(folder: Path) -> list[str]:
    """Write a folder; return the keys that are uploaded."""
    good = ["Kiwi/1.jpg", "Kiwi/linked.jpg", "Pomme \u00e9/a b+c%20#?.jpg", "loose.jpg"]
    for name in (
        *good[:1],
        *good[2:],
        *("Kiwi/a\tb.jpg", "Kiwi/a\nb.jpg", "two\r\nlines/1.jpg", "Kiwi/a\\b.jpg", "LICENSE", "Kiwi/more.zip"),
        *("Kiwi/.DS_Store", ".thumbnails/1.jpg", "__MACOSX/Kiwi/1.jpg", "Kiwi/@eaDir/1.jpg", "Kiwi/Thumbs.db"),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    Path(os.fsdecode(os.fsencode(folder) + b"/Kiwi/caf\xe9.jpg")).write_bytes(b"1")
    (folder / "Kiwi" / "linked.jpg").symlink_to("1.jpg")
    (folder / "Linked").symlink_to("Kiwi")
    (folder / "Kiwi" / "loop").symlink_to("..")
    (folder / "Kiwi" / "broken.jpg").symlink_to("none")
    (folder / "Kiwi" / "itself.jpg").symlink_to("itself.jpg")
    os.mkfifo(folder / "Kiwi" / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        try:
            os.chdir(folder / "Kiwi")  # the path of a socket has at most 107 bytes
            server.bind("socket.jpg")
        finally:
            os.chdir(here)
    return sorted(good)


def entry(name: str, *, system: int = 3, attributes: int = 0) -> zipfile.ZipInfo:
    """Return an entry whose name is written as it is."""
    found = zipfile.ZipInfo("x")
    found.filename = name
    found.create_system, found.external_attr = system, attributes
    return found


def write_unusual_zip(path: Path) -> list[str]:
    """Write a zip file; return the keys that are uploaded."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in (
            *("Kiwi\\1.jpg", "./Kiwi//2.jpg", "/Kiwi/3.jpg", "C:\\Kiwi\\4.jpg", "\\\\server\\Kiwi\\5.jpg"),
            *("Pomme \u00e9/6.jpg", "twice/1.jpg", "twice\\1.jpg", "./twice/1.jpg", "folder/", "windows folder\\"),
            *("../Kiwi/7.jpg", "Kiwi\\..\\8.jpg", "Kiwi/a\tb.jpg", "Kiwi/x.jpg", "Kiwi/x.jpg/9.jpg", "./", "C:"),
            *("x" * 256 + "/1.jpg", "/".join(["x" * 250] * 5), "Kiwi/.DS_Store", "__MACOSX/._1.jpg", "Kiwi/more.zip"),
        ):
            archive.writestr(entry(name, system=0), name.encode())
        archive.writestr(entry("Kiwi/link.jpg", attributes=(stat.S_IFLNK | 0o777) << 16), b"/etc/passwd")
        archive.writestr(entry("Kiwi/regular.jpg", attributes=(stat.S_IFREG | 0o644) << 16), b"regular")
        for name in ("encrypted", "damaged", "compression", "huge", "latin"):
            archive.writestr(entry(f"Kiwi/{name}.jpg"), f"content of {name}".encode())
    content = bytearray(path.read_bytes())
    at = content.index(b"content of damaged")
    content[at : at + 7] = b"CONTENT"
    _set(content, "encrypted", flags=1)
    _set(content, "compression", method=97)
    _set(content, "huge", size=(256 << 20) + 1)
    content[:] = content.replace(b"latin.jpg", b"l\x82tin.jpg")  # code page 437
    path.write_bytes(content)
    good = ["Kiwi/1.jpg", "Kiwi/2.jpg", "Kiwi/3.jpg", "Kiwi/4.jpg", "server/Kiwi/5.jpg", "Pomme \u00e9/6.jpg"]
    return sorted([*good, "twice/1.jpg", "Kiwi/x.jpg/9.jpg", "Kiwi/regular.jpg", "Kiwi/l\u00e9tin.jpg"])


def _set(content: bytearray, name: str, flags: int = 0, method: int = 0, size: int | None = None) -> None:
    """Change the headers of an entry: the local one and the one in the directory."""
    encoded = f"Kiwi/{name}.jpg".encode()
    local = content.index(encoded) - 30
    directory = content.rindex(encoded) - 46
    for at, offset in ((local, 6), (directory, 8)):
        struct.pack_into("<HH", content, at + offset, flags, method)
    if size is not None:
        struct.pack_into("<I", content, directory + 24, size)


def write_windows_zip(path: Path, folder: Path) -> None:
    """Write a zip file as old tools for Windows do, with backslashes between folders."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.jpg")):
            archive.writestr(entry(str(file.relative_to(folder)).replace("/", "\\"), system=0), file.read_bytes())


def zip_of_utf8_names_without_the_flag(name: str) -> bytes:
    """Return a zip file as tools write it that do not set the flag for UTF-8."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(entry(name), b"1")
    content = bytearray(buffer.getvalue())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(signature) + offset
        struct.pack_into("<H", content, at, 0)
    return bytes(content)
