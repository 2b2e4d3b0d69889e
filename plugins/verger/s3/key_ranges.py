"""Lists one prefix by many requests at the same time, by ranges of keys.

S3 lists keys in the order of their UTF-8 bytes, and `StartAfter` starts a listing after any string. So the keys after a
string are a range that another request can list. One worker starts at the beginning. A worker without a range takes
the upper part of the range of another worker. No keys need to be known beforehand, and one large folder is split like
many small ones.

A range is split where its keys branch: at the first position at which a key that is not listed yet differs from the
last listed key. A few requests for one key each find this position, by bisection.

Not every server lists keys in this order: directory buckets and servers that store files in folders do not. So two
things are checked. Keys of a range increase. And the first key after a range is the first key that the next range has
listed. Then the ranges follow each other without a gap in the order of the server, whatever this order is, and no key
is missing or listed twice. Otherwise `UnorderedError` is raised.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from threading import Condition
from typing import Any, Generic, Protocol, TypeVar

from verger.s3.listing import Columns, Listing

PAGES_BEFORE_SPLIT = 2
"""Pages of a range before it is split, and between two attempts: a range that ends soon is not worth the requests."""

CHECKS = 3
"""How often the border of two ranges is compared: a photo may arrive between two requests."""

SURROGATES = range(0xD800, 0xE000)
"""Code points that UTF-8 does not have."""

LAST = 0x10FFFF


class UnorderedError(Exception):
    """The server does not list keys in the order of their bytes, or ignores `StartAfter`."""


class Sink(Protocol):
    """Takes the objects of one range, page by page in order."""

    def add(self, columns: Columns) -> None:
        """Take a part of a page."""

    def close(self) -> None:
        """End: the range is complete, or an error ended the listing."""


AnySink = TypeVar("AnySink", bound=Sink)


@dataclass(eq=False)
class KeyRange:
    """The keys after `after`, up to and including `until`; None: up to the end of the prefix.

    Attributes
    ----------
    position : str
        The last listed key; `after` before the first.
    first : str or None
        The first key that the server listed, in the range or after it.
    stop : str or None
        The first listed key after the range; None when the listing ended before.
    pages : int
        Pages since the last attempt to split the range.
    """

    after: str
    until: str | None
    position: str = ""
    first: str | None = None
    stop: str | None = None
    pages: int = 0
    splitting: bool = False

    def __post_init__(self) -> None:
        self.position = self.after

    @property
    def depth(self) -> int:
        """The length of the beginning that all keys that are left share. A range with a small one is large."""
        return _shared(self.position, self.until)


def list_ranges(listing: Listing, sink: Callable[[], AnySink], requests: int) -> list[AnySink]:
    """List all keys, and return the sinks of the ranges in the order of keys.

    Parameters
    ----------
    listing
        Requests a page.
    sink
        Makes the sink of a range.
    requests
        Requests that are under way at the same time, at most.

    Raises
    ------
    UnorderedError
        See the module.
    """
    work = _Work(listing, sink)
    with ThreadPoolExecutor(requests, thread_name_prefix="list") as pool:
        for done in [pool.submit(work.run) for _ in range(requests)]:
            done.result()
    ranges = sorted(work.sinks, key=lambda found: found.after)
    for lower, upper in pairwise(ranges):
        _check_border(listing, lower, upper)
    return [work.sinks[found] for found in ranges]


def _check_border(listing: Listing, lower: KeyRange, upper: KeyRange) -> None:
    """Check that the key after a range is the first of the next range. Keys may arrive or disappear in between."""
    if lower.stop == upper.first:
        return
    for _ in range(CHECKS):
        keys = listing(**_start(lower.position)).columns.keys
        above = next((key for key in keys if key > upper.after), None)
        if keys == sorted(keys) and above == _next_key(listing, upper.after):
            return
    raise UnorderedError(f"expected the same key after {lower.position!r} and after {upper.after!r}")


def _start(after: str) -> dict[str, Any]:
    return {"StartAfter": after} if after else {}


def _next_key(listing: Listing, after: str) -> str | None:
    keys = listing(MaxKeys=1, **_start(after)).columns.keys
    return keys[0] if keys else None


def split_points(position: str, until: str | None) -> list[str]:
    """Return the strings at which the keys between `position` and `until` can be split, from the largest to the least.

    Each is the least string that is greater than every key with the same beginning as `position`, for a longer and
    longer beginning.

    Examples
    --------
    >>> split_points("a/19", "a/3")
    ['a/2', 'a/1:']
    >>> split_points("b", None)
    ['c']
    """
    least = _shared(position, until)
    points = []
    for end in range(least, len(position)):
        code = ord(position[end]) + 1
        if code <= LAST:
            points.append(position[:end] + chr(SURROGATES.stop if code in SURROGATES else code))
    return [point for point in points if until is None or point < until]


class _Work(Generic[AnySink]):
    """The ranges of a listing, shared by its workers."""

    def __init__(self, listing: Listing, sink: Callable[[], AnySink]) -> None:
        self._listing, self._make_sink = listing, sink
        self._changed = Condition()
        self._waiting, self._active = [KeyRange("", None)], set[KeyRange]()
        self._failed = False
        self.sinks: dict[KeyRange, AnySink] = {}

    def run(self) -> None:
        """List one range after another, until there is none left."""
        try:
            while (found := self._take()) is not None:
                self._list(found)
        except BaseException:
            self._failed = True
            raise
        finally:
            with self._changed:
                self._changed.notify_all()

    def _take(self) -> KeyRange | None:
        """Return a range to list, or None when all are listed."""
        while True:
            with self._changed:
                found = self._next()
                if found is None:
                    return None
                if not found.splitting:
                    return found
            upper = self._split(found)
            with self._changed:
                found.splitting, found.pages = False, 0
                if upper is not None and upper.after > found.position and found in self._active:
                    found.until = upper.after
                    return self._begin(upper)

    def _next(self) -> KeyRange | None:
        """Wait for a range to list, or one to split, which is marked. None: there is nothing left to do."""
        while not self._failed and (self._waiting or self._active):
            if self._waiting:
                return self._begin(self._waiting.pop())
            ready = [one for one in self._active if one.pages >= PAGES_BEFORE_SPLIT and not one.splitting]
            if ready:
                largest = min(ready, key=lambda one: one.depth)
                largest.splitting = True
                return largest
            self._changed.wait()
        return None

    def _begin(self, found: KeyRange) -> KeyRange:
        self._active.add(found)
        self.sinks[found] = self._make_sink()
        return found

    def _split(self, found: KeyRange) -> KeyRange | None:
        """Return the upper part of a range, None when no keys are found for it."""
        until, points = found.until, split_points(found.position, found.until)
        low, high = 0, len(points)  # a key follows every point from `high` on, and none the points before `low`
        while low < high and not self._failed:
            middle = (low + high) // 2
            key = _next_key(self._listing, points[middle])
            if key is not None and (until is None or key <= until):
                high = middle
            else:
                low = middle + 1
        return KeyRange(points[high], until) if high < len(points) else None

    def _list(self, found: KeyRange) -> None:
        sink, request = self.sinks[found], _start(found.after)
        try:
            while not self._failed:
                page = self._listing(**request)
                part = self._accept(found, page.columns)
                if part.keys:
                    sink.add(part)
                if found.stop is not None or page.token is None:
                    break
                request = {"ContinuationToken": page.token}
        finally:
            sink.close()
            with self._changed:
                self._active.discard(found)
                self._changed.notify_all()

    def _accept(self, found: KeyRange, columns: Columns) -> Columns:
        """Return the part of a page that lies in the range, and note how far the listing is."""
        keys = columns.keys
        if not keys:
            return columns
        found.first = keys[0] if found.first is None else found.first
        if keys[0] <= found.position or not _increase(keys):
            raise UnorderedError(f"expected keys in order after {found.position!r}, found {keys[0]!r} and others")
        with self._changed:
            count = len(keys) if found.until is None else bisect_right(keys, found.until)
            if count < len(keys):
                found.stop = keys[count]
            found.position = keys[count - 1] if count else found.position
            found.pages += 1
            if found.pages == PAGES_BEFORE_SPLIT:
                self._changed.notify()
        if count == len(keys):
            return columns
        return Columns(keys[:count], columns.etags[:count], columns.sizes[:count])


def _shared(key: str, until: str | None) -> int:
    """Return the length of the beginning that two strings share; 0 without the second."""
    if until is None:
        return 0
    return next((place for place, (one, two) in enumerate(zip(key, until, strict=False)) if one != two), len(key))


def _increase(keys: list[str]) -> bool:
    return all(map(str.__lt__, keys, keys[1:]))
