"""A cache whose values expire, for many threads."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

from cachetools import TTLCache

Value = TypeVar("Value")


class TtlCache(Generic[Value]):
    """Holds at most `size` values for `seconds` each. The least recently used value is evicted first."""

    def __init__(self, size: int, seconds: float) -> None:
        self._values: TTLCache[str, Value] = TTLCache(size, seconds)
        self._lock = threading.Lock()

    def get(self, name: str) -> Value | None:
        """Return the value, or None when there is none or it has expired."""
        with self._lock:
            return self._values.get(name)

    def put(self, name: str, value: Value) -> None:
        """Store a value."""
        with self._lock:
            self._values[name] = value
