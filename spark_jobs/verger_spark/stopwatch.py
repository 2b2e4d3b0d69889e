"""Measures the duration of each part of a step."""

from __future__ import annotations

import time
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

    def lap(self, part: str) -> float:
        """End the part that began with the previous lap, and return its seconds."""
        now = time.monotonic()
        self._laps[part], self._lap = now - self._lap, now
        return self._laps[part]

    def seconds(self) -> dict[str, float]:
        """Return the seconds of each part, and their sum as `total`, rounded to two decimals."""
        return {part: round(value, 2) for part, value in {**self._laps, "total": self._lap - self._started}.items()}
