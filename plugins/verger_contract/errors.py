"""VergerError: the exception whose message the person on call reads."""

from __future__ import annotations


class VergerError(Exception):
    """A step cannot continue.

    The message names the object, what was expected, what was found and what to do.
    """


def one_line(error: Exception) -> str:
    r"""Return the message of an exception of a library on one line.

    Examples
    --------
    >>> one_line(OSError("no header\n in the page"))
    'no header in the page'
    """
    return " ".join(str(error).split())
