"""The limits, and the reject of a photo that exceeds one."""

from __future__ import annotations

from dataclasses import dataclass

from verger_contract.reasons import RejectKind
from verger_photo.unreadable import UnreadablePhoto

MIB = 1024 * 1024

MAX_BYTES = 192 * MIB
"""Maximum size of a file. Larger files are videos or archives. They are not downloaded."""

MAX_PARTS = 100_000
"""Maximum number of chunks, segments, boxes or tags of a file. Pillow takes some microseconds for each in Python."""


@dataclass(frozen=True)
class Limits:
    """What decoding one photo may take.

    Attributes
    ----------
    memory : int
        Bytes that the file and its decoding take at most, at the same time.
    pixels : int
        Maximum number of pixels.
    side : int
        Maximum width, and maximum height. Pillow's resize needs 32 bytes for each column or row of the image.
    """

    memory: int
    pixels: int = 100_000_000
    side: int = 65_535

    def check_size(self, width: int, height: int) -> None:
        """Raise UnreadablePhoto if an image has too many pixels or a side that is too long."""
        found = f"{width} x {height} = {width * height:,} pixels"
        if width * height > self.pixels:
            raise too_large(f"{found}, the limit is {self.pixels:,}")
        if max(width, height) > self.side:
            raise too_large(f"{found}, the limit of a side is {self.side:,}")


WORKER = Limits(memory=448 * MIB)
"""Limits of a Python worker of step 1.

By default YARN gives an executor 2,560 MiB (`verger.settings.container_sizes`): 768 for the JVM's heap and 1,792 for
the rest. Of the rest, the JVM takes about 250 outside its heap, and the process that starts the workers about 40. Each
of the two workers has half of what is left, 751 MiB. 230 are its libraries, the network and Arrow's buffers
(`make bench-growth`), 64 are prefetched photos. What is left is for the photo that is being decoded.
"""


def too_large(detail: str) -> UnreadablePhoto:
    """Return the reject of a photo that exceeds a limit."""
    return UnreadablePhoto(RejectKind.IMAGE_TOO_LARGE, detail)


def check_parts(count: int, what: str) -> None:
    """Raise UnreadablePhoto if a file consists of too many parts.

    Parameters
    ----------
    count : int
    what : str
        What the format calls its parts, in the plural.
    """
    if count > MAX_PARTS:
        raise too_large(f"more than {MAX_PARTS:,} {what}")
