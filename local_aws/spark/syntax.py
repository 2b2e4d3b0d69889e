"""Syntax of Spark: options of spark-submit, sizes, properties files."""

from __future__ import annotations

import re
from collections.abc import Mapping

#: Options of spark-submit without a value.
SWITCHES = frozenset(
    {"--verbose", "-v", "--supervise", "--version", "--help", "-h", "--usage-error", "--load-spark-defaults"}
)


def split_options(args: list[str]) -> tuple[list[tuple[str, str | None]], list[str]]:
    """Split arguments into the options of spark-submit with their values, and the application with its arguments."""
    options: list[tuple[str, str | None]] = []
    rest = list(args)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        name, equals, value = option.partition("=")
        if option in SWITCHES:
            options.append((option, None))
        elif equals and name.startswith("--"):
            options.append((name, value))
        else:
            options.append((option, rest.pop(0) if rest else None))
    return [("--conf" if name == "-c" else name, value) for name, value in options], rest


def mebibytes(size: str) -> int:
    """Return a size of Spark in MiB: `4g`, `512m`, `1048576k`; a number without a unit is in MiB."""
    found = re.fullmatch(r"(\d+)\s*([kmgt]?)b?", size.strip().lower())
    if not found:
        raise ValueError(f"{size!r}: not a size of Spark, such as 4g or 512m")
    number, unit = int(found.group(1)), found.group(2) or "m"
    return {"k": number // 1024, "m": number, "g": number * 1024, "t": number * 1024**2}[unit]


def properties_text(properties: Mapping[str, str]) -> str:
    """Return the text of a Java properties file. Keys and values may have any character."""
    return "".join(f"{_escape(key, ' :=#!')}={_escape(value)}\n" for key, value in properties.items())


def _escape(text: str, special: str = "") -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    escaped = "".join(f"\\{letter}" if letter in special else letter for letter in escaped)
    if escaped.startswith(" "):
        escaped = "\\" + escaped
    return "".join(letter if ord(letter) < 127 else f"\\u{ord(letter):04x}" for letter in escaped)
