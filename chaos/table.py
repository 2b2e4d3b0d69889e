"""The table of a campaign, as Markdown for readers and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from chaos.scenario import Row

LONGEST = 160
"""Characters of a cell."""
HEADINGS = (
    "scenario", "fault", "run", "message", "clusters left", "photos lost", "data changed", "recovered by", "verdict",
)  # fmt: skip


def line(row: Row) -> str:
    """Return one row as a line for the terminal."""
    verdict = "; ".join(row.wrong) or "ok"
    return f"{row.seconds:4.0f} s  {row.name}: {row.run}, {row.recovered_by}: {verdict}"


def markdown(rows: Sequence[Row]) -> str:
    """Return the table, with a line of totals before it."""
    passed = sum(not row.wrong for row in rows)
    return f"{len(rows)} faults: {passed} as they should be, {len(rows) - passed} not.\n\n{table_of(rows)}"


def table_of(rows: Sequence[Row]) -> str:
    """Return the table alone."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "| " + " | ".join("---" for _ in HEADINGS) + " |"]
    for row in rows:
        cells = (
            row.name, row.fault, row.run, row.message, row.clusters, str(row.lost), row.data, row.recovered_by,
            "; ".join(row.wrong) or "ok",
        )  # fmt: skip
        lines.append("| " + " | ".join(_cell(cell) for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def write(rows: Sequence[Row], folder: Path) -> Path:
    """Write `table.md` and `table.json` into a folder; return the path of the former."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
    path = folder / "table.md"
    path.write_text(markdown(rows))
    return path


def _cell(text: str) -> str:
    short = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return short.replace("|", "\\|").replace("\n", " ")
