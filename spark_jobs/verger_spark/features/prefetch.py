"""Work done ahead of its use by other threads, within bounds: photos fetched, photos decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from verger_spark.features.photo import UnreadablePhoto

CONNECTIONS = 32
"""GETs under way at once in one worker, at the most. At 100 ms each that is 320 photos/s, three times what a core
computes."""

AHEAD = 4 * CONNECTIONS
"""Photos fetched or being fetched but not yet used, in one worker. When half of them are used, as many are asked for at
once: one by one, each would wake threads here and in the store that had just gone to sleep."""

AHEAD_BYTES = 64 * 1024 * 1024
"""Content fetched or being fetched but not yet used, in one worker (one photo may exceed it alone)."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the inventory: `size` in bytes."""

    path: str
    etag: str
    size: int


def fetch_ahead(
    photos: Iterable[Listed], read: Callable[[Listed], bytes]
) -> Iterator[tuple[Listed, bytes | UnreadablePhoto]]:
    """Yield every photo, in order, with what `read` gives for it, or with the UnreadablePhoto that it raises.

    `read` is called from several threads at once; whatever else it raises ends the iteration.
    At most ``AHEAD`` photos and ``AHEAD_BYTES`` of content are held at any time, whatever comes in.
    """

    def fetch(photo: Listed) -> bytes | UnreadablePhoto:
        try:
            return read(photo)
        except UnreadablePhoto as reason:
            return reason

    rest = iter(photos)
    coming = next(rest, None)
    waiting: deque[tuple[Listed, Future[bytes | UnreadablePhoto]]] = deque()
    held = 0
    pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="fetch")
    try:
        while waiting or coming:
            if len(waiting) <= AHEAD // 2:
                while coming and len(waiting) < AHEAD and (not held or held + coming.size <= AHEAD_BYTES):
                    waiting.append((coming, pool.submit(fetch, coming)))
                    held += coming.size
                    coming = next(rest, None)
            oldest, content = waiting.popleft()
            yield oldest, content.result()
            held -= oldest.size
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def ahead(items: Iterable[T], count: int) -> Iterator[T]:
    """Yield `items`, in order, iterated over by a thread of its own: `count` are made while as many are used.

    What the iteration raises is raised here. In bursts, because to hand over each by itself costs more than it saves.
    """
    iterator = iter(items)

    def burst() -> list[T]:
        return list(islice(iterator, count))

    pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    try:
        coming = pool.submit(burst)
        while found := coming.result():
            coming = pool.submit(burst)
            yield from found
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
