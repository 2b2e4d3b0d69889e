"""How the pages write numbers and times. A dash stands for an unknown value."""

from __future__ import annotations

from datetime import UTC, datetime

UNKNOWN = "–"
SPACE = "\N{NO-BREAK SPACE}"


def count(number: float | None) -> str:
    """Return for example `12,400`."""
    return UNKNOWN if number is None else f"{number:,.0f}"


def share(number: float | None) -> str:
    """Return for example `90.11 %`."""
    return UNKNOWN if number is None else f"{100 * number:.2f}{SPACE}%"


def decimal(number: float | None, digits: int = 1) -> str:
    """Return for example `95.3`."""
    return UNKNOWN if number is None else f"{number:,.{digits}f}"


def seconds(number: float | None) -> str:
    """Return for example `8 s`, `12 min 3 s`, `1 h 12 min`."""
    if number is None:
        return UNKNOWN
    rounded = round(number)
    if rounded < 60:
        return f"{rounded}{SPACE}s"
    if rounded < 3600:
        return f"{rounded // 60}{SPACE}min {rounded % 60}{SPACE}s"
    return f"{rounded // 3600}{SPACE}h {rounded % 3600 // 60}{SPACE}min"


def money(number: float | None, currency: str) -> str:
    """Return for example `0.42 €`."""
    return UNKNOWN if number is None else f"{number:,.2f}{SPACE}{'€' if currency == 'EUR' else currency}"


def when(at: datetime | None) -> str:
    """Return for example `24 Nov 2026, 02:00`, in UTC."""
    return UNKNOWN if at is None else f"{at.astimezone(UTC):%-d %b %Y, %H:%M}"


def size(number: int) -> str:
    """Return a number of bytes, for example `980 B`, `12 kB`, `3.4 MB`."""
    if number < 1000:
        return f"{number}{SPACE}B"
    return f"{number / 1000:,.0f}{SPACE}kB" if number < 1_000_000 else f"{number / 1_000_000:,.1f}{SPACE}MB"


def stamp(text: str) -> str:
    """Return an ISO 8601 time as `when` does, and any other text unchanged."""
    try:
        return when(datetime.fromisoformat(text))
    except ValueError:
        return text
