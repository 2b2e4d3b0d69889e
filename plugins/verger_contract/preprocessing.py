"""How the bytes of a photo become the input of the network: a part of the identity of the features."""

from __future__ import annotations

from enum import StrEnum

VERSION = 2
"""Version of the decoding rules. A change that gives any accepted photo other pixels needs the next version, so that
the next run featurizes all photos."""


class Decoding(StrEnum):
    """How JPEG files are decoded."""

    EXACT = "exact"
    """All pixels of the file are decoded and then resized."""
    SCALED = "scaled"
    """libjpeg decodes a large JPEG at 1/2, 1/4 or 1/8 of its size, but at least at twice the network's input."""


def preprocessing(decoding: Decoding) -> str:
    """Return the identity of the preprocessing. Features of different identities are never published together.

    Examples
    --------
    >>> preprocessing(Decoding.EXACT)
    '2-exact'
    """
    return f"{VERSION}-{decoding.value}"
