"""A background thread makes items in double-buffered batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from verger_spark.io.prefetch import prefetch


def test_the_order_is_kept_and_at_most_two_batches_are_made() -> None:
    made = 0

    def items() -> Iterator[int]:
        nonlocal made
        for number in range(25):
            made = number + 1
            yield number

    used = []
    for number in prefetch(items(), 4):
        used.append(number)
        assert made - number <= 2 * 4
    assert used == list(range(25))


def test_errors_are_raised_in_the_caller() -> None:
    def items() -> Iterator[int]:
        yield from range(6)
        raise ConnectionError("no route to the store")

    found = prefetch(items(), 4)
    assert [next(found) for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(ConnectionError, match="no route"):
        next(found)


def test_the_thread_ends_when_the_iterator_is_closed() -> None:
    found = prefetch(iter(range(1000)), 4)
    assert next(found) == 0
    assert any(thread.name.startswith("prefetch") for thread in threading.enumerate())
    found.close()
    assert not any(thread.name.startswith("prefetch") for thread in threading.enumerate())
