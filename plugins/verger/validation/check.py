"""Outcomes of the checks in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from verger_contract.errors import VergerError
from verger_contract.verification.check import SKIPPED, Check


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
