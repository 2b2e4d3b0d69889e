"""Optional parts of a report: an error in one of them is logged, and the report is written without it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

log = logging.getLogger(__name__)

Result = TypeVar("Result")


def attempt(part: str, build: Callable[[], Result], otherwise: Result) -> Result:
    """Return the result of `build`, or `otherwise` when it raises any exception.

    Parameters
    ----------
    part : str
        Names the part in the log.
    build : callable
    otherwise : object
        Stands for the missing part.
    """
    try:
        return build()
    except Exception:  # whatever it is, the rest of the report is useful without this part
        log.exception("the report is written without %s", part)
        return otherwise
