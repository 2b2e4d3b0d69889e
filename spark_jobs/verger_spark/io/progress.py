"""How far a step has come, written beside the run's other files for whoever watches."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from verger_contract import metrics
from verger_spark.io import storage

INTERVAL = 2.0
"""Seconds between two looks."""


def now() -> str:
    """The time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Progress:
    """Writes `{step, application, done, total, started_at, updated_at}` to `uri` while the body of the `with` runs.

    `done` is called from a thread of its own. A failure to write is said once and harms nothing: progress
    is a courtesy. Without a `uri` nothing is written. `total` may be set to what it turns out to be.
    """

    def __init__(self, uri: str | None, step: str, application: str, total: int, done: Callable[[], int]) -> None:
        self._uri, self._step, self._application, self.total, self._done = uri, step, application, total, done
        self._started, self._last, self._said = now(), -1, False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="progress", daemon=True)

    def __enter__(self) -> Progress:
        if self._uri:
            self._write()
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._uri:
            self._stop.set()
            self._thread.join(timeout=30)
            self._write()

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL):
            self._write()

    def _write(self) -> None:
        done = min(self._done(), self.total)
        if self._uri is None or done == self._last:
            return
        try:
            progress: metrics.Progress = {
                "step": self._step,
                "application": self._application,
                "done": done,
                "total": self.total,
                "started_at": self._started,
                "updated_at": now(),
            }
            storage.write_json(self._uri, progress)
            self._last = done
        except Exception as error:
            if not self._said:
                print(f"progress cannot be written to {self._uri}: {error}", file=sys.stderr)
                self._said = True
