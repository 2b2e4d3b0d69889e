"""A check: one named row of validation.json and of the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from verger.errors import VergerError

SKIPPED = "skipped"
"""What a check has found that could not be made: nothing speaks against the run, nothing for it."""


@dataclass(frozen=True)
class Check:
    name: str
    passed: bool
    expected: str
    found: str
    detail: str = ""
    counted: Mapping[str, float | None] = field(default_factory=dict)
    """What the check counted or measured on its way, by name; the publication says it."""


def outcome(row: Mapping[str, Any]) -> str:
    """Of a row of validation.json: "passed", "failed", or "skipped".

    >>> outcome({"passed": True, "found": SKIPPED})
    'skipped'
    """
    if not row.get("passed"):
        return "failed"
    return SKIPPED if row.get("found") == SKIPPED else "passed"


def summary(rows: Iterable[Mapping[str, Any]]) -> str:
    """How many rows of validation.json came out how.

    >>> summary([{"passed": True}, {"passed": True, "found": SKIPPED}, {"passed": False}])
    '1 of 3 passed, 1 skipped'
    """
    outcomes = Counter(map(outcome, rows))
    skipped = f", {outcomes[SKIPPED]} skipped" if outcomes[SKIPPED] else ""
    return f"{outcomes['passed']} of {outcomes.total()} passed{skipped}"


class ValidationError(VergerError):
    """Checks failed; the message lists them."""


def failure_message(checks: Iterable[Check], address: str) -> str:
    """The failed rows as text, and where all rows lie; empty when every check passed."""
    failed = [check for check in checks if not check.passed]
    if not failed:
        return ""
    lines = [
        f"{check.name}: expected {check.expected}, found {check.found}" + (f"; {check.detail}" if check.detail else "")
        for check in failed
    ]
    return "\n".join([f"{len(failed)} checks failed, nothing is published; all checks: {address}", *lines])
