"""A check: a named row of validation.json and of the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SKIPPED = "skipped"
"""`found` of a check that is not possible, for example with too few photos. It counts as passed."""


@dataclass(frozen=True)
class Check:
    """The result of a check.

    Attributes
    ----------
    name : str
    passed : bool
    expected, found : str
        In words, for the report.
    detail : str
        Examples of what is wrong.
    counted : mapping of str to float
        Counts and measures of the check. The snapshot takes its numbers from them.
    """

    name: str
    passed: bool
    expected: str
    found: str
    detail: str = ""
    counted: Mapping[str, float | None] = field(default_factory=dict)


def files_check(prefix: str) -> str:
    """Return the name of the check that compares the files of a table with its file list.

    Examples
    --------
    >>> files_check("features/run=scheduled-7/")
    'files of features/run=scheduled-7/'
    """
    return f"files of {prefix}"
