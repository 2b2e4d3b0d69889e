"""Puts new and changed photos into the bucket between two runs, and deletes some."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice

import obstore
from obstore.store import S3Store

from benchmarks.harness.photo_bucket import PREFIX, list_photos
from benchmarks.scheduled.drawn_photos import DrawnPhotos

CHANGED, DELETED = 10, 10
UPLOADS = 8
NEW = "/new "
"""Follows the label in the key of a new photo."""


@dataclass
class PhotoChanges:
    """The photos that each run finds new, changed or deleted. Contents are those of real photographs.

    Attributes
    ----------
    store : S3Store
    photos : sequence of (str, bytes)
        Photographs, each with its name: `<label>/<file>`. New photos are copies with the same labels. Labels begin with
        a letter, so that the keys follow those of the drawn photos.
    drawn : DrawnPhotos or None
        The published photos that are not in the bucket. None when all are.
    deleted : set of int
        Drawn photos that were deleted.
    """

    store: S3Store
    photos: Sequence[tuple[str, bytes]]
    drawn: DrawnPhotos | None
    deleted: set[int] = field(default_factory=set)

    def make(self, run: int, new: int) -> None:
        """Make the changes before a run, the first of which is number 0."""
        some = enumerate(self._some(new, run))
        put(self.store, ((_key(name, f"{run} {number:06}"), content) for number, (name, content) in some))
        if self.drawn:
            keys = [self.drawn.path(serial) for serial in spread(self.drawn.count, CHANGED, 2 * run)]
            self.deleted |= {*spread(self.drawn.count, DELETED, 2 * run + 1)}
        else:
            listed = [key for key in list_photos(self.store)["path"].to_pylist() if NEW not in key]
            keys = [listed[place] for place in spread(len(listed), CHANGED, 2 * run)]
            obstore.delete(self.store, [listed[place] for place in spread(len(listed), DELETED, 2 * run + 1)])
        others = (content for _, content in self._some(CHANGED, 7 * run + 3))
        put(self.store, zip(keys, others, strict=True))

    def stored(self) -> dict[str, tuple[str, int]]:
        """Return ETag and bytes of the photos in the bucket, by key."""
        rows = list_photos(self.store).to_pylist()
        return {row["path"]: (row["etag"], row["size"]) for row in rows}

    def _some(self, count: int, start: int) -> Iterable[tuple[str, bytes]]:
        """Return photographs that are spread evenly over all labels."""
        step = max(1, len(self.photos) // count)
        return islice(cycle(self.photos[start::step]), count)


def _key(name: str, number: str) -> str:
    return f"{PREFIX}{name.rpartition('/')[0]}{NEW}{number}.jpg"


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
