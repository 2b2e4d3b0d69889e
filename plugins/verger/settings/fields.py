"""The declaration of one setting: default, unit and accepted values, and how its value is read from text."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any


class SettingsError(ValueError):
    """Settings are missing or out of range; the message names each of them and its accepted values."""


def setting(
    description: str, expected: str, check: Callable[[Any], bool], *, default: Any = dataclasses.MISSING, unit: str = ""
) -> Any:
    """Return the field of a setting.

    Parameters
    ----------
    description
        The meaning of the setting, for the table of settings.
    expected
        The accepted values in words.
    check
        Whether a value is accepted.
    """
    metadata = {"help": description, "expected": expected, "check": check, "unit": unit}
    return dataclasses.field(default=default, metadata=metadata)


def text(description: str, pattern: str, expected: str, default: Any = dataclasses.MISSING) -> Any:
    """Return the field of a text that matches `pattern` completely."""
    return setting(description, expected, lambda value: re.fullmatch(pattern, value) is not None, default=default)


def between(description: str, low: float, high: float, default: float, unit: str) -> Any:
    """Return the field of a number from `low` to `high`, both included."""
    return setting(description, f"{low:g} to {high:g}", lambda value: low <= value <= high, default=default, unit=unit)


def names(
    description: str,
    pattern: str,
    expected: str,
    default: tuple[str, ...],
    *,
    least: int = 1,
    most: int = 1000,
    also: Callable[[str], bool] = bool,
    unit: str = "",
) -> Any:
    """Return the field of names separated by commas.

    Parameters
    ----------
    pattern
        Each name matches it completely.
    least, most
        The number of names.
    also
        Another check of each name.
    """

    def check(values: tuple[str, ...]) -> bool:
        right = all(re.fullmatch(pattern, value) and also(value) for value in values)
        return right and least <= len(values) <= most

    return setting(description, expected, check, default=default, unit=unit)


def flag(description: str, default: bool) -> Any:
    """Return the field of a truth value."""
    return setting(description, "true or false", lambda value: True, default=default)


def is_cron_or_never(text: str) -> bool:
    """Return whether a text is a cron expression, or `never`."""
    from croniter import croniter  # type: ignore[import-untyped]

    return text == "never" or croniter.is_valid(text)


def variable(field: dataclasses.Field[Any]) -> str:
    """Return the environment variable of a field."""
    return f"VERGER_{field.name.upper()}"


def read(field: dataclasses.Field[Any], kind: Any, environment: Mapping[str, str]) -> Any:
    """Return the value of a field of type `kind` from its environment variable, or its default.

    Raises
    ------
    ValueError
        The variable is missing or has a wrong value; the message says what is expected.
    """
    expected = f"expected {field.metadata['expected']}"
    text = environment.get(variable(field))
    if text is None:
        if field.default is dataclasses.MISSING:
            raise ValueError(f"not set; {expected}")
        return field.default
    try:
        value = _parse(text.strip(), kind)
        right = field.metadata["check"](value)
    except ValueError:
        right = False
    if not right:
        raise ValueError(f"is {text!r}; {expected}")
    return value


def _parse(text: str, kind: Any) -> Any:
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    if kind == tuple[str, ...]:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return kind(text)
