"""The one exception whose message is meant for the person on call."""

from __future__ import annotations


class VergerError(Exception):
    """A step cannot go on. The message names the thing, what was expected, what was found and what to do."""


def one_line(error: Exception) -> str:
    """What an error of a library says, which may be several lines, as part of a message of ours, which is one.

    >>> one_line(OSError("no header\\n in the page"))
    'no header in the page'
    """
    return " ".join(str(error).split())
