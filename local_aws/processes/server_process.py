"""The start and the end of a server process of a stack: its command line, its signals, its log."""

from __future__ import annotations

import argparse
import logging
import signal
from collections.abc import Callable
from pathlib import Path

ENDS = {signal.SIGTERM, signal.SIGINT}


def run(serve: Callable[[Path], None], description: str | None) -> None:
    """Call `serve` with the state folder of the command line.

    The signals that end the process are blocked, also in the threads that `serve` starts: only `wait_for_end` receives
    them.

    Parameters
    ----------
    serve : callable
    description : str or None
        The text of `--help`.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("state", type=Path)
    state = parser.parse_args().state
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    serve(state)


def wait_for_end() -> None:
    """Return when a signal ends the process."""
    signal.sigwait(ENDS)
