"""Signals that end a benchmark: `finally` blocks run, and end what the benchmark started."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def signals_exit() -> Iterator[None]:
    """During the body, the first of SIGNALS raises SystemExit, so that `finally` blocks run. Later ones do nothing."""
    with _handled(_exit):
        yield


@contextlib.contextmanager
def signals_ignored() -> Iterator[None]:
    """During the body, SIGNALS do nothing."""
    with _handled(_nothing):
        yield


@contextlib.contextmanager
def _handled(handler: signal._HANDLER) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    for other in SIGNALS:
        signal.signal(other, _nothing)
    raise SystemExit(128 + number)


def _nothing(number: int, frame: FrameType | None) -> None:
    """Do nothing. SIG_IGN would be inherited by child processes."""
