"""Puts measured tables into a page, benchmarks/README.md mostly, between the marks that bear their names."""

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
    """Replace the table `name`, and say when and on what it was measured; `under` it comes what else there is to say.

    Raises ValueError when there is no mark.
    """
    text = page.read_text()
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if begin not in text or end not in text:
        raise ValueError(f"{page}: expected the marks {begin} and {end}, found none")
    said = f"{machine()}\n\n{under}" if under else machine()
    block = f"{begin}\n{markdown(rows)}\n\n{said}\n{end}"
    page.write_text(re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: block, text, flags=re.DOTALL))
    print(markdown(rows))


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of equal keys as a Markdown table."""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", "|" + " --- |" * len(names)]
    return "\n".join([*lines, *(f"| {' | '.join(_shown(row[name]) for name in names)} |" for row in rows)])


def machine() -> str:
    """Date, processor and Python, in one line."""
    model = next(
        (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    return f"*{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores of {model}, Python {platform.python_version()}*"


def versions(*environments: str) -> str:
    """What is pinned by hand in the requirements of some environments, in one line."""
    texts = [(ROOT / "requirements" / f"{name}.in").read_text() for name in environments]
    pins = {pin for text in texts for pin in re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)", text, re.MULTILINE)}
    return f"*{', '.join(f'{name} {version}' for name, version in sorted(pins))}*"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
