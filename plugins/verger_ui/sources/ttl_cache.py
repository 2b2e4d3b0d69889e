"""What was read once and need not be read again for a while."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

from cachetools import TTLCache

Value = TypeVar("Value")


class Remembered(Generic[Value]):
    """At most so many values by name, each for so many seconds; the least used goes first. For many threads."""

    def __init__(self, most: int, seconds: float) -> None:
        self._values: TTLCache[str, Value] = TTLCache(most, seconds)
        self._lock = threading.Lock()

    def get(self, name: str) -> Value | None:
        with self._lock:
            return self._values.get(name)

    def put(self, name: str, value: Value) -> None:
        with self._lock:
            self._values[name] = value
