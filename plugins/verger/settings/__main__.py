"""Print the settings as a Markdown table: `python -m verger.settings`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from verger.settings.environment import declared
from verger.settings.fields import variable
from verger.settings.storage import REPOSITORY


def markdown_table() -> str:
    """Return the table of docs/settings.md, with one line for each setting."""
    lines = ["| variable | default | unit | expected | what |", "| --- | --- | --- | --- | --- |"]
    for _, field, _ in declared():
        default = _shown(field.default)
        data = field.metadata
        lines.append(f"| `{variable(field)}` | {default} | {data['unit']} | {data['expected']} | {data['help']} |")
    return "\n".join(lines)


def _shown(default: Any) -> str:
    if default is dataclasses.MISSING:
        return "*required*"
    if isinstance(default, Path):
        default = default.relative_to(REPOSITORY)
    if isinstance(default, tuple):
        default = ",".join(default)
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return f"`{text}`" if text else "*none*"


if __name__ == "__main__":
    print(markdown_table())
