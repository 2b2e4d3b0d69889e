"""Prefetches the content of photos in background threads, within limits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from verger_photo.unreadable import UnreadablePhoto
from verger_spark.features.inventory import ListedPhoto

CONNECTIONS = 32
"""Maximum number of concurrent GETs of one worker. At 100 ms a GET this is 320 photos/s, three times what a core
computes."""

PREFETCHED_PHOTOS = 4 * CONNECTIONS
"""Maximum number of photos that one worker has requested but not used yet. When half of them are used, the next half is
requested at once, because single requests would wake the threads for each photo."""

PREFETCHED_BYTES = 64 * 1024 * 1024
"""Maximum size of the photos that one worker has requested but not used yet. A single photo may exceed it."""


def prefetch_photos(
    photos: Iterable[ListedPhoto], read: Callable[[ListedPhoto], bytes]
) -> Iterator[tuple[ListedPhoto, bytes | UnreadablePhoto]]:
    """Yield every photo with its content, in order, prefetched by background threads.

    At most ``PREFETCHED_PHOTOS`` photos and ``PREFETCHED_BYTES`` of content are in memory at any time.

    Parameters
    ----------
    photos : iterable of ListedPhoto
    read : callable
        Returns the content of a photo. Several threads call it at the same time. An UnreadablePhoto that it raises is
        yielded in place of the content. Any other exception ends the iteration.
    """

    def fetch(photo: ListedPhoto) -> bytes | UnreadablePhoto:
        try:
            return read(photo)
        except UnreadablePhoto as unreadable:
            return unreadable

    rest = iter(photos)
    coming = next(rest, None)
    waiting: deque[tuple[ListedPhoto, Future[bytes | UnreadablePhoto]]] = deque()
    held = 0
    pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="fetch")
    try:
        while waiting or coming:
            if len(waiting) <= PREFETCHED_PHOTOS // 2:
                while (
                    coming and len(waiting) < PREFETCHED_PHOTOS and (not held or held + coming.size <= PREFETCHED_BYTES)
                ):
                    waiting.append((coming, pool.submit(fetch, coming)))
                    held += coming.size
                    coming = next(rest, None)
            oldest, content = waiting.popleft()
            yield oldest, content.result()
            held -= oldest.size
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
