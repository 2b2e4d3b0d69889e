"""The files of an album that are not uploaded: how many, why, and the first one of each reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePath

MOST_CHARACTERS = 80


class SkippedFileError(Exception):
    """A file of an album cannot be uploaded. The message is the reason: the same text for all files of one kind."""


@dataclass
class SkippedFiles:
    """Counts skipped files by reason.

    Attributes
    ----------
    counts : Counter of str
        Number of files by reason.
    first : dict of str to str
        The name of the first file of each reason.
    """

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, reason: str) -> None:
        """Count a file."""
        self.counts[reason] += 1
        self.first.setdefault(reason, name)

    def clear(self) -> None:
        """Remove all counts."""
        self.counts.clear()
        self.first.clear()

    def __bool__(self) -> bool:
        return bool(self.counts)

    def __str__(self) -> str:
        """Return one line of printable characters; the most frequent reason comes first.

        Examples
        --------
        >>> skipped = SkippedFiles()
        >>> for name in ("Kiwi/.DS_Store", "Fig/.DS_Store"):
        ...     skipped.add(name, "hidden file or folder")
        >>> skipped.add("Kiwi/1.jpg", "damaged entry")
        >>> print(skipped)
        skipped 3 files: hidden file or folder (2, Kiwi/.DS_Store), damaged entry (1, Kiwi/1.jpg)
        """
        total = self.counts.total()
        order = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        reasons = ", ".join(f"{reason} ({count:,}, {printable(self.first[reason])})" for reason, count in order)
        return f"skipped {total:,} {'file' if total == 1 else 'files'}: {reasons}"


def printable(name: str | PurePath) -> str:
    r"""Return a name with escapes for the characters that a terminal cannot show.

    Examples
    --------
    >>> print(printable("Pomme é/a\nb\udce9.jpg"))
    Pomme é/a\nb\udce9.jpg
    """
    text = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(name))
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}..."
