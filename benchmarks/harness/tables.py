"""Writes measured tables into a page such as benchmarks/README.md, between marks with the names of the tables."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.harness.places import README, ROOT


def write(name: str, rows: Sequence[Mapping[str, Any]], page: Path = README, *, under: str = "") -> None:
    """Replace a table in a page, add the date and the machine, and print the table.

    Parameters
    ----------
    name : str
        Name of the table: the page has the marks `<!-- name -->` and `<!-- /name -->`.
    rows : sequence of mapping
        Rows with equal keys, in the order of the columns.
    page : Path, optional
        Page to write into.
    under : str, optional
        Further text below the table.

    Raises
    ------
    ValueError
        The page has no such marks.
    """
    text = page.read_text()
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if begin not in text or end not in text:
        raise ValueError(f"{page}: expected the marks {begin} and {end}, found none")
    note = f"{machine()}\n\n{under}" if under else machine()
    block = f"{begin}\n{markdown(rows)}\n\n{note}\n{end}"
    page.write_text(re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: block, text, flags=re.DOTALL))
    print(markdown(rows))


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows with equal keys as a Markdown table."""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", "|" + " --- |" * len(names)]
    return "\n".join([*lines, *(f"| {' | '.join(_shown(row[name]) for name in names)} |" for row in rows)])


def machine() -> str:
    """Return date, processor and version of Python in one line."""
    model = next(
        (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    return f"*{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {model}, Python {platform.python_version()}*"


def versions(*environments: str) -> str:
    """Return the versions that the requirements of some environments pin, in one line."""
    texts = [(ROOT / "requirements" / f"{name}.in").read_text() for name in environments]
    pins = {pin for text in texts for pin in re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)", text, re.MULTILINE)}
    return f"*{', '.join(f'{name} {version}' for name, version in sorted(pins))}*"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
