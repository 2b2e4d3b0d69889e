"""How the bytes of a photo become the input of the network: a part of the identity of the features."""

from __future__ import annotations

from enum import StrEnum

VERSION = 2
"""Version of the decoding rules. A change that gives any accepted photo other pixels needs the next version, so that
the next run featurizes all photos."""

FIRST = "1"
"""Identity of the preprocessing of a publication that states none: an earlier Verger wrote it."""


class Decoding(StrEnum):
    """How JPEG files are decoded."""

    EXACT = "exact"
    """All pixels of the file are decoded and then resized."""
    SCALED = "scaled"
    """libjpeg decodes a large JPEG at 1/2, 1/4 or 1/8 of its size, but at least at twice the network's input."""


def preprocessing(decoding: Decoding, version: int = VERSION) -> str:
    """Return the identity of the preprocessing. Features of different identities are never published together.

    Parameters
    ----------
    decoding : Decoding
    version : int
        Version of the decoding rules. The default is that of this code; an artifact set may have another one.

    Examples
    --------
    >>> preprocessing(Decoding.EXACT)
    '2-exact'
    """
    return f"{version}-{decoding.value}"
