"""Ctrl-C and its like: the first one unwinds the demo, and nothing disturbs the unwinding."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def catch() -> None:
    """From now on the first of SIGNALS raises KeyboardInterrupt; the next ones are ignored."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def ignore() -> None:
    """From now on SIGNALS do nothing: what was started is being ended."""
    for number in SIGNALS:
        signal.signal(number, _nothing)  # not SIG_IGN, which child processes would inherit


@contextlib.contextmanager
def ignored() -> Iterator[None]:
    """SIGNALS do nothing during the body; afterwards they do what they did before."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    ignore()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    ignore()
    raise KeyboardInterrupt


def _nothing(number: int, frame: FrameType | None) -> None:
    pass
