"""Fetching ahead: everything comes, in order, within bounds, and a failing store is not a bad photo."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from verger_contract.reasons import RejectKind
from verger_spark.features.photo import UnreadablePhoto
from verger_spark.features.prefetch import AHEAD, AHEAD_BYTES, CONNECTIONS, Listed, ahead, fetch_ahead


def listed(count: int, size: int = 10) -> Iterator[Listed]:
    return (Listed(f"{number}.jpg", "etag", size) for number in range(count))


def test_all_photos_in_order() -> None:
    def read(photo: Listed) -> bytes:
        time.sleep(0.002 * (hash(photo.path) % 5))
        return photo.path.encode()

    got = [(photo.path, content) for photo, content in fetch_ahead(listed(200), read)]
    assert got == [(f"{number}.jpg", f"{number}.jpg".encode()) for number in range(200)]


def test_a_bad_photo_is_passed_on_and_a_failing_store_raises() -> None:
    def missing(photo: Listed) -> bytes:
        raise UnreadablePhoto(RejectKind.DELETED)

    assert [str(content) for _, content in fetch_ahead(listed(2), missing)] == ["deleted since it was listed"] * 2

    def broken(photo: Listed) -> bytes:
        raise ConnectionError("no route to the store")

    with pytest.raises(ConnectionError, match="no route"):
        list(fetch_ahead(listed(2), broken))


@pytest.mark.parametrize(("size", "most"), [(1, AHEAD), (AHEAD_BYTES // 3, 3), (2 * AHEAD_BYTES, 1)])
def test_no_more_is_held_than_the_bounds_allow(size: int, most: int) -> None:
    lock, fetched = threading.Lock(), 0

    def read(photo: Listed) -> bytes:
        nonlocal fetched
        with lock:
            fetched += 1
        return b""

    used = 0
    for _ in fetch_ahead(listed(100, size), read):
        time.sleep(0.002)
        with lock:
            # The one in hand counts until the next is asked for.
            assert fetched - used <= most
        used += 1
    assert used == 100


def test_reads_overlap() -> None:
    under_way, most, lock = 0, 0, threading.Lock()

    def read(photo: Listed) -> bytes:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.02)
        with lock:
            under_way -= 1
        return b""

    list(fetch_ahead(listed(2 * AHEAD), read))
    assert most == CONNECTIONS


def test_ahead_keeps_the_order_and_makes_no_more_than_two_bursts() -> None:
    made = 0

    def items() -> Iterator[int]:
        nonlocal made
        for number in range(25):
            made = number + 1
            yield number

    used = []
    for number in ahead(items(), 4):
        used.append(number)
        assert made - number <= 2 * 4
    assert used == list(range(25))


def test_ahead_passes_errors_on() -> None:
    def items() -> Iterator[int]:
        yield from range(6)
        raise ConnectionError("no route to the store")

    found = ahead(items(), 4)
    assert [next(found) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(ConnectionError, match="no route"):
        next(found)


def test_ahead_ends_its_thread_when_nobody_asks_any_more() -> None:
    found = ahead(iter(range(1000)), 4)
    assert next(found) == 0
    assert any(thread.name.startswith("ahead") for thread in threading.enumerate())
    found.close()
    assert not any(thread.name.startswith("ahead") for thread in threading.enumerate())
