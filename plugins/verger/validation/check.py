"""A check: a named row of validation.json and of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from verger_contract.errors import VergerError

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


def outcome(row: Mapping[str, Any]) -> str:
    """Return the outcome of a row of validation.json: "passed", "failed" or "skipped".

    Examples
    --------
    >>> outcome({"passed": True, "found": SKIPPED})
    'skipped'
    """
    if not row.get("passed"):
        return "failed"
    return SKIPPED if row.get("found") == SKIPPED else "passed"


def summary(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the number of outcomes of rows of validation.json, in words.

    Examples
    --------
    >>> summary([{"passed": True}, {"passed": True, "found": SKIPPED}, {"passed": False}])
    '1 of 3 passed, 1 skipped'
    """
    outcomes = Counter(map(outcome, rows))
    skipped = f", {outcomes[SKIPPED]} skipped" if outcomes[SKIPPED] else ""
    return f"{outcomes['passed']} of {outcomes.total()} passed{skipped}"


class ValidationError(VergerError):
    """Checks failed; the message lists them."""


def failure_message(checks: Iterable[Check], address: str) -> str:
    """Return the failed checks as text, empty when every check passed.

    Parameters
    ----------
    address
        The URI of validation.json.
    """
    failed = [check for check in checks if not check.passed]
    if not failed:
        return ""
    lines = [
        f"{check.name}: expected {check.expected}, found {check.found}" + (f"; {check.detail}" if check.detail else "")
        for check in failed
    ]
    return "\n".join([f"{len(failed)} checks failed, so the run is not published; all checks: {address}", *lines])
