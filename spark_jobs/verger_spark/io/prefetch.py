"""Work that a background thread does before its result is used."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(items: Iterable[Item], count: int) -> Generator[Item, None, None]:
    """Prefetch in a background thread, in double-buffered batches of `count`.

    The order of the items is kept. An exception of the iteration is raised here. The items are handed over in batches,
    because to hand over each item by itself costs more time than the thread saves.
    """
    iterator = iter(items)

    def next_batch() -> list[Item]:
        return list(islice(iterator, count))

    pool = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
    try:
        coming = pool.submit(next_batch)
        while batch := coming.result():
            coming = pool.submit(next_batch)
            yield from batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
