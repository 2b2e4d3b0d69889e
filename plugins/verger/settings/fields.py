"""One setting: how it is declared, with unit, default and range, and how its text becomes its value."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any


class SettingsError(ValueError):
    """One or more settings are missing or out of range; the message names each with what it expects."""


def setting(
    help: str, expected: str, check: Callable[[Any], bool], *, default: Any = dataclasses.MISSING, unit: str = ""
) -> Any:
    """A field of a group of settings. `expected` says in words what `check` holds for."""
    metadata = {"help": help, "expected": expected, "check": check, "unit": unit}
    return dataclasses.field(default=default, metadata=metadata)


def text(help: str, pattern: str, expected: str, default: Any = dataclasses.MISSING) -> Any:
    """Text that matches all of `pattern`."""
    return setting(help, expected, lambda value: re.fullmatch(pattern, value) is not None, default=default)


def between(help: str, low: float, high: float, default: float, unit: str) -> Any:
    """A number from `low` to `high`, both included."""
    return setting(help, f"{low:g} to {high:g}", lambda value: low <= value <= high, default=default, unit=unit)


def names(help: str, pattern: str, expected: str, default: tuple[str, ...], *, least: int = 1, unit: str = "") -> Any:
    """Names separated by commas, each matching all of `pattern`, at least so many."""

    def check(values: tuple[str, ...]) -> bool:
        return len(values) >= least and all(re.fullmatch(pattern, value) for value in values)

    return setting(help, expected, check, default=default, unit=unit)


def flag(help: str, default: bool) -> Any:
    """`true` or `false`."""
    return setting(help, "true or false", lambda value: True, default=default)


def variable(field: dataclasses.Field[Any]) -> str:
    """The environment variable of a field."""
    return f"VERGER_{field.name.upper()}"


def read(field: dataclasses.Field[Any], kind: Any, environment: Mapping[str, str]) -> Any:
    """The value of a field of type `kind`: what its variable says, else its default.

    Raises ValueError that says what was found and what is expected.
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
