"""The one exception whose message is meant for the person on call."""

from __future__ import annotations


class VergerError(Exception):
    """A step cannot go on. The message names the thing, what was expected, what was found and what to do."""
