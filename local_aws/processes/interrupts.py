"""Signals that interrupt a program: the first one starts its clean-up, and no later one disturbs it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def catch() -> None:
    """Raise KeyboardInterrupt at the first of SIGNALS, and ignore the next ones."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)


def ignore() -> None:
    """Ignore SIGNALS from now on."""
    for number in SIGNALS:
        signal.signal(number, _do_nothing)  # not SIG_IGN: child processes would inherit it


def ignore_until_exit() -> None:
    """Ignore SIGNALS also while the interpreter shuts down, when it resets handlers that are functions."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def ignored() -> Iterator[None]:
    """Ignore SIGNALS during the body, and restore their handlers after it."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    ignore()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Deliver SIGNALS after the body, for example after a started process is recorded.

    In a thread this does nothing: Python delivers signals to the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    before = {number: signal.signal(number, lambda found, _: arrived.append(found)) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])


def _interrupt(number: int, frame: FrameType | None) -> None:
    ignore()
    raise KeyboardInterrupt


def _do_nothing(number: int, frame: FrameType | None) -> None:
    pass
