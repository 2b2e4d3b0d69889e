"""What the header of a file says about the decoding, whatever the format."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Header:
    """A file without its metadata, and the memory that its decoder takes besides the decoded image.

    Attributes
    ----------
    content : bytes
        The file without the metadata that can be large. Its pixels are the same.
    per_pixel : float
        Bytes for each decoded pixel.
    fixed : int
        Bytes that do not depend on the size of the decoded image.
    """

    content: bytes
    per_pixel: float = 0
    fixed: int = 0
