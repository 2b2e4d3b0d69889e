"""How long the stages of a step took."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Stopwatch:
    """Runs from when it is made (`started_at`, ISO 8601, UTC); each `lap` ends a stage."""

    def __init__(self) -> None:
        self.started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._started = self._lap = time.monotonic()
        self._laps: dict[str, float] = {}

    def lap(self, stage: str) -> float:
        """End the stage that began with the previous lap; its length in seconds."""
        now = time.monotonic()
        self._laps[stage], self._lap = now - self._lap, now
        return self._laps[stage]

    def seconds(self) -> dict[str, float]:
        """Seconds of each stage so far, and of all together as `total`; two decimals."""
        return {stage: round(value, 2) for stage, value in {**self._laps, "total": self._lap - self._started}.items()}
