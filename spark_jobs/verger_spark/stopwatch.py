"""Measures the duration of each part of a step."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime


class Stopwatch:
    """Measures the parts of a step, one after the other. The first part begins when the stopwatch is created.

    Attributes
    ----------
    started_at : str
        ISO 8601, UTC.
    """

    def __init__(self) -> None:
        self.started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._started = self._lap = time.monotonic()
        self._laps: dict[str, float] = {}
        self._apart = 0.0

    def lap(self, part: str) -> float:
        """End the part that began with the previous lap, and return its seconds."""
        now = time.monotonic()
        self._laps[part], self._lap, self._apart = now - self._lap - self._apart, now, 0.0
        return self._laps[part]

    @contextmanager
    def apart(self, part: str) -> Iterator[None]:
        """Measure the body of the `with` as a part of its own, which the part that contains it does not include."""
        started = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - started
            self._laps[part] = self._laps.pop(part, 0.0) + seconds  # the parts are in the order in which they ran
            self._apart += seconds

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each part, and their sum as `total`, rounded to two decimals."""
        return {part: round(value, 2) for part, value in {**self._laps, "total": self._lap - self._started}.items()}
