"""Photos fetched ahead of their use, in parallel, within bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from verger_spark.photo import UnreadablePhoto

CONNECTIONS = 16
"""GETs under way at once in one worker. At 30 ms each that is 500 photos/s, several times what a core computes."""

AHEAD_BYTES = 64 * 1024 * 1024
"""Content fetched or being fetched but not yet used, in one worker (one photo may exceed it alone)."""


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
    At most twice ``CONNECTIONS`` photos and ``AHEAD_BYTES`` of content are held at any time, whatever comes in.
    """

    def fetch(photo: Listed) -> bytes | UnreadablePhoto:
        try:
            return read(photo)
        except UnreadablePhoto as reason:
            return reason

    waiting: deque[tuple[Listed, Future[bytes | UnreadablePhoto]]] = deque()
    held = 0
    pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="fetch")
    try:
        for photo in photos:
            while waiting and (len(waiting) >= 2 * CONNECTIONS or held + photo.size > AHEAD_BYTES):
                oldest, content = waiting.popleft()
                yield oldest, content.result()
                held -= oldest.size
            waiting.append((photo, pool.submit(fetch, photo)))
            held += photo.size
        while waiting:
            oldest, content = waiting.popleft()
            yield oldest, content.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
