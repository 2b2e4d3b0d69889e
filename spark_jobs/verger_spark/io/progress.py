"""Writes progress.json: how many photos a step has done."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from verger_contract import metrics
from verger_spark.io import storage

INTERVAL = 2.0
"""Seconds between two writes."""


def now() -> str:
    """Return the time in UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Progress:
    """Writes `verger_contract.metrics.Progress` to `uri` while the body of the `with` runs.

    A failure to write does not fail the step. It is reported once on stderr.

    Parameters
    ----------
    uri : str or None
        Nothing is written when it is None.
    step : str
        featurize or pca.
    application : callable
        Returns the id of the Spark application; empty while there is none.
    total : int
        Photos in all. The attribute `total` may be changed when the number is known exactly.
    done : callable
        Returns the photos done so far. A background thread calls it.
    may_write : callable
        Whether this attempt of the step may still write. Otherwise the progress of a later attempt would be replaced.
    cancel : callable
        Ends the work. A background thread calls it when the attempt may no longer write.
    """

    def __init__(
        self,
        uri: str | None,
        step: str,
        application: Callable[[], str],
        total: int,
        done: Callable[[], int],
        *,
        may_write: Callable[[], bool],
        cancel: Callable[[], None],
    ) -> None:
        self._uri, self._step, self._application, self.total, self._done = uri, step, application, total, done
        self._may_write, self._cancel = may_write, cancel
        self._started, self._last, self._failure_reported = now(), -1, False
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
        progress: metrics.Progress = {
            "step": self._step,
            "application": self._application(),
            "done": done,
            "total": self.total,
            "started_at": self._started,
            "updated_at": now(),
        }
        try:
            if not self._may_write():
                self._stop.set()
                self._cancel()
                return
            storage.write_json(self._uri, progress)
            self._last = done
        except Exception as error:  # noqa: BLE001 (progress.json is optional: no error of the store may fail the step)
            if not self._failure_reported:
                print(f"progress cannot be written to {self._uri}: {error}", file=sys.stderr)
                self._failure_reported = True
