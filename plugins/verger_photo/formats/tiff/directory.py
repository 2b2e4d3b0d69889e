"""Reads the directories of a TIFF file: the pages, and the integer tags of each page.

Source of the structure: TIFF Revision 6.0 (Adobe, 1992), section 2; BigTIFF by libtiff's specification.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from verger_contract.reasons import RejectKind
from verger_photo.formats.accepted import not_supported
from verger_photo.unreadable import UnreadablePhoto

INTEGERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
"""The unsigned integer types BYTE, SHORT, LONG, IFD, LONG8 and IFD8, as codes of `struct`."""

MOST_VALUES = 65_536
"""A tag whose values are read has at most this number of them: a colour map of 16 bits has three times 65,536, but its
pixel type is not supported."""

MOST_PAGES = 10_000
"""Pages that are looked at. A file with more is rejected."""


@dataclass(frozen=True)
class Entry:
    """A tag: the type and number of its values, and where they lie."""

    kind: int
    count: int
    position: int


@dataclass(frozen=True)
class Directory:
    """The tags of a page."""

    content: bytes
    order: str
    entries: dict[int, Entry]

    def integers(self, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Return the values of a tag.

        Raises
        ------
        UnreadablePhoto
            The values are no unsigned integers, too many, or lie outside of the file.
        """
        entry = self.entries.get(tag)
        if entry is None:
            return default
        code = INTEGERS.get(entry.kind)
        if code is None or entry.count > MOST_VALUES:
            raise damaged(f"tag {tag} has type {entry.kind} and {entry.count:,} values")
        return tuple(_unpack(self.content, entry.position, self.order + code * entry.count))

    def integer(self, tag: int, default: int) -> int:
        """Return the only value of a tag.

        Raises
        ------
        UnreadablePhoto
            As `integers`, or the tag has not one value.
        """
        values = self.integers(tag, (default,))
        if len(values) != 1:
            raise damaged(f"tag {tag} has {len(values)} values, one expected")
        return values[0]

    def count(self, tag: int) -> int:
        """Return the number of values of a tag, 0 if the page does not have it."""
        return self.entries[tag].count if tag in self.entries else 0


def directories(content: bytes) -> Iterator[Directory]:
    """Yield the directories of the pages of a TIFF file, in their order.

    Raises
    ------
    UnreadablePhoto
        A directory lies outside of the file, has a tag twice, or the pages form a cycle or are too many.
    """
    order, big, offset = _header(content)
    seen: set[int] = set()
    while offset:
        if offset in seen or len(seen) == MOST_PAGES:
            raise damaged("the pages form a cycle or are too many")
        seen.add(offset)
        page, offset = directory(content, offset, order, big=big)
        yield page


def sub_directories(page: Directory, tag: int) -> Iterator[Directory]:
    """Yield the directories to which a tag such as SubIFDs points.

    Raises
    ------
    UnreadablePhoto
        As `directories`.
    """
    big = page.content[2:4] == b"+\0"
    for offset in page.integers(tag):
        yield directory(page.content, offset, page.order, big=big)[0]


def directory(content: bytes, offset: int, order: str, *, big: bool) -> tuple[Directory, int]:
    """Return the directory at an offset, and the offset of the next one.

    Raises
    ------
    UnreadablePhoto
        The directory lies outside of the file, or has a tag twice.
    """
    (count,) = _unpack(content, offset, order + ("Q" if big else "H"))
    start, size, inline = (offset + 8, 20, 8) if big else (offset + 2, 12, 4)
    if count * size > len(content):
        raise damaged(f"a page has {count:,} tags")
    entries: dict[int, Entry] = {}
    for position in range(start, start + count * size, size):
        tag, kind, values = _unpack(content, position, order + ("HHQ" if big else "HHI"))
        if tag in entries:
            raise damaged(f"tag {tag} is there twice")
        place = position + size - inline
        if values * struct.calcsize(INTEGERS.get(kind, "Q")) > inline:
            (place,) = _unpack(content, place, order + ("Q" if big else "I"))
        entries[tag] = Entry(kind, values, place)
    (following,) = _unpack(content, start + count * size, order + ("Q" if big else "I"))
    return Directory(content, order, entries), following


def damaged(found: str) -> UnreadablePhoto:
    """Return the reject of a file whose tags break the rules of TIFF."""
    return UnreadablePhoto(RejectKind.DAMAGED_IMAGE, f"TIFF: {found}")


def _header(content: bytes) -> tuple[str, bool, int]:
    order = "<" if content[:2] == b"II" else ">"
    if content[:4] == b"MM\0+":
        raise not_supported("TIFF, big-endian BigTIFF")
    if content[2:4] == b"+\0":
        return order, True, _unpack(content, 8, order + "Q")[0]
    return order, False, _unpack(content, 4, order + "I")[0]


def _unpack(content: bytes, offset: int, layout: str) -> tuple[int, ...]:
    if offset + struct.calcsize(layout) > len(content):
        raise damaged(f"a value lies at byte {offset:,}, but the file has {len(content):,} bytes")
    return struct.unpack_from(layout, content, offset)
