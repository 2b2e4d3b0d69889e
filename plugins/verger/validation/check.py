"""A check: one named row of validation.json and of the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from verger.errors import VergerError


@dataclass(frozen=True)
class Check:
    name: str
    passed: bool
    expected: str
    found: str
    detail: str = ""
    counted: Mapping[str, float | None] = field(default_factory=dict)
    """What the check counted or measured on its way, by name; the publication says it."""


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
