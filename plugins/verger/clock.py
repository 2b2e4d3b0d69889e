"""The time, as everything that Verger writes gives it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """In UTC, without fractions of a second."""
    return datetime.now(UTC).replace(microsecond=0)
