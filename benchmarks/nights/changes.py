"""Puts new and changed photos into the bucket between two runs, and deletes some."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice

import obstore
from obstore.store import S3Store

from benchmarks.harness.photo_bucket import PREFIX, list_photos
from benchmarks.nights.drawn_photos import DrawnPhotos

CHANGED, DELETED = 10, 10
UPLOADS = 8
NEW = f"{PREFIX}new/"
"""Prefix of new photos: larger than the keys of all drawn photos."""


@dataclass
class PhotoChanges:
    """The photos that each run finds new, changed or deleted. Contents are those of real photographs.

    Attributes
    ----------
    store : S3Store
    contents : sequence of bytes
        Photographs. New photos are copies of them.
    drawn : DrawnPhotos or None
        The published photos that are not in the bucket. None when all are.
    deleted : set of int
        Drawn photos that were deleted.
    """

    store: S3Store
    contents: Sequence[bytes]
    drawn: DrawnPhotos | None
    deleted: set[int] = field(default_factory=set)

    def make(self, run: int, new: int) -> None:
        """Make the changes before a run, the first of which is number 0."""
        put(self.store, ((f"{NEW}{run} {number:06}.jpg", one) for number, one in enumerate(self._some(new, run))))
        if self.drawn:
            keys = [self.drawn.path(serial) for serial in spread(self.drawn.count, CHANGED, 2 * run)]
            self.deleted |= {*spread(self.drawn.count, DELETED, 2 * run + 1)}
        else:
            listed = [key for key in list_photos(self.store)["path"].to_pylist() if not key.startswith(NEW)]
            keys = [listed[place] for place in spread(len(listed), CHANGED, 2 * run)]
            obstore.delete(self.store, [listed[place] for place in spread(len(listed), DELETED, 2 * run + 1)])
        put(self.store, zip(keys, self._some(CHANGED, 7 * run + 3), strict=True))

    def stored(self) -> dict[str, tuple[str, int]]:
        """Return ETag and bytes of the photos in the bucket, by key."""
        rows = list_photos(self.store).to_pylist()
        return {row["path"]: (row["etag"], row["size"]) for row in rows}

    def _some(self, count: int, start: int) -> Iterable[bytes]:
        return islice(cycle(self.contents), start, start + count)


def spread(count: int, some: int, start: int) -> list[int]:
    """Return numbers that are spread evenly over 0 to count - 1, others for each `start`.

    >>> spread(100, 4, 3)
    [3, 28, 53, 78]
    """
    return [(start + place * count // some) % count for place in range(some)]


def put(store: S3Store, photos: Iterable[tuple[str, bytes]]) -> None:
    """Upload photos by key."""
    with ThreadPoolExecutor(UPLOADS) as pool:
        for _ in pool.map(lambda photo: obstore.put(store, *photo), photos):
            pass
