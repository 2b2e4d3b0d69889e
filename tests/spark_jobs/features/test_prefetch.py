"""Photos are prefetched completely, in order and within limits; a failing store is not a bad photo."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from verger_contract.reasons import RejectKind
from verger_photo.unreadable import UnreadablePhoto
from verger_spark.features.inventory import ListedPhoto
from verger_spark.features.prefetch import CONNECTIONS, PREFETCHED_BYTES, PREFETCHED_PHOTOS, prefetch_photos


def listed(count: int, size: int = 10) -> Iterator[ListedPhoto]:
    return (ListedPhoto(f"{number}.jpg", "etag", size) for number in range(count))


def test_all_photos_in_order() -> None:
    def read(photo: ListedPhoto) -> bytes:
        time.sleep(0.002 * (hash(photo.path) % 5))
        return photo.path.encode()

    got = [(photo.path, content) for photo, content in prefetch_photos(listed(200), read)]
    assert got == [(f"{number}.jpg", f"{number}.jpg".encode()) for number in range(200)]


def test_a_bad_photo_is_yielded_and_a_failing_store_raises() -> None:
    def missing(photo: ListedPhoto) -> bytes:
        raise UnreadablePhoto(RejectKind.DELETED)

    assert [str(content) for _, content in prefetch_photos(listed(2), missing)] == ["deleted since it was listed"] * 2

    def broken(photo: ListedPhoto) -> bytes:
        raise ConnectionError("no route to the store")

    with pytest.raises(ConnectionError, match="no route"):
        list(prefetch_photos(listed(2), broken))


@pytest.mark.parametrize(
    ("size", "most"), [(1, PREFETCHED_PHOTOS), (PREFETCHED_BYTES // 3, 3), (2 * PREFETCHED_BYTES, 1)]
)
def test_the_limits_hold(size: int, most: int) -> None:
    lock, fetched = threading.Lock(), 0

    def read(photo: ListedPhoto) -> bytes:
        nonlocal fetched
        with lock:
            fetched += 1
        return b""

    used = 0
    for _ in prefetch_photos(listed(100, size), read):
        time.sleep(0.002)
        with lock:
            # The yielded photo counts until the next one is requested.
            assert fetched - used <= most
        used += 1
    assert used == 100


@pytest.mark.parametrize("size", [4_000_000, 700_000])
def test_the_bytes_that_are_allowed_are_requested_also_for_large_photos(size: int) -> None:
    """There are fewer large photos than half of PREFETCHED_PHOTOS, and each is replaced as soon as it is used."""
    count = 200
    most = min(PREFETCHED_BYTES // size, PREFETCHED_PHOTOS)
    fetched = threading.Semaphore(0)

    def read(photo: ListedPhoto) -> bytes:
        fetched.release()
        return b""

    requested = 0
    for used, _ in enumerate(prefetch_photos(listed(count, size), read)):
        # All photos up to the limit, but at least half of PREFETCHED_PHOTOS: the next ones are requested in bursts.
        expected = min(used + min(most, PREFETCHED_PHOTOS // 2), count)
        while requested < expected:
            assert fetched.acquire(timeout=60), f"{requested} of {expected} requested when {used} were used"
            requested += 1


def test_reads_overlap() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def read(photo: ListedPhoto) -> bytes:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return b""

    list(prefetch_photos(listed(2 * PREFETCHED_PHOTOS), read))
    assert most == CONNECTIONS
