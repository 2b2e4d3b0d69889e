"""How the pages write numbers and times. An unknown one is a dash."""

from __future__ import annotations

from datetime import UTC, datetime

UNKNOWN = "–"
THIN = "\N{NO-BREAK SPACE}"


def count(number: float | None) -> str:
    return UNKNOWN if number is None else f"{number:,.0f}"


def share(number: float | None) -> str:
    return UNKNOWN if number is None else f"{100 * number:.2f}{THIN}%"


def decimal(number: float | None, digits: int = 1) -> str:
    return UNKNOWN if number is None else f"{number:,.{digits}f}"


def seconds(number: float | None) -> str:
    """`8 s`, `12 min 3 s`, `1 h 12 min`."""
    if number is None:
        return UNKNOWN
    whole = round(number)
    if whole < 60:
        return f"{whole}{THIN}s"
    if whole < 3600:
        return f"{whole // 60}{THIN}min {whole % 60}{THIN}s"
    return f"{whole // 3600}{THIN}h {whole % 3600 // 60}{THIN}min"


def money(number: float | None, currency: str) -> str:
    return UNKNOWN if number is None else f"{number:,.2f}{THIN}{'€' if currency == 'EUR' else currency}"


def when(at: datetime | None) -> str:
    """`24 Nov 2026, 02:00`; in UTC, which the page says once."""
    return UNKNOWN if at is None else f"{at.astimezone(UTC):%-d %b %Y, %H:%M}"


def size(number: int) -> str:
    if number < 1000:
        return f"{number}{THIN}B"
    return f"{number / 1000:,.0f}{THIN}kB" if number < 1_000_000 else f"{number / 1_000_000:,.1f}{THIN}MB"


def stamp(text: str) -> str:
    """A time of ISO 8601 as `when` writes it; what is none stays as it is."""
    try:
        return when(datetime.fromisoformat(text))
    except ValueError:
        return text


def whole(value: object) -> str:
    """A number with its thousands apart; anything else as it is."""
    return f"{value:,}" if isinstance(value, int) else str(value)
