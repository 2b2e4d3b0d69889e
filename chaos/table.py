"""The table of a campaign, as Markdown for readers and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from chaos.scenario import Row

LONGEST = 160
"""Characters of a cell."""
HEADINGS = (
    "scenario", "fault", "run", "message", "clusters left", "photos lost", "data changed", "recovered by", "verdict",
)  # fmt: skip
SEQUENCE_HEADINGS = ("sequence", "faults, then a run without one", "run", "photos lost", "verdict")


def line(row: Row) -> str:
    """Return one row as a line for the terminal."""
    return f"{row.seconds:4.0f} s  {row.name}: {row.run}, {row.recovered_by}: {_verdict(row)}"


def markdown(rows: Sequence[Row]) -> str:
    """Return the table, with a line of totals before it."""
    passed = sum(not row.wrong for row in rows)
    return f"{len(rows)} faults: {passed} as they should be, {len(rows) - passed} not.\n\n{table_of(rows)}"


def table_of(rows: Sequence[Row]) -> str:
    """Return the table of scenarios alone."""
    cells = (
        (row.name, row.fault, row.run, row.message, row.clusters, str(row.lost), row.data, row.recovered_by, verdict)
        for row, verdict in zip(rows, map(_verdict, rows), strict=True)
    )
    return _table(HEADINGS, cells)


def sequences_table(rows: Sequence[Row]) -> str:
    """Return the table of random sequences. No cell is cut: the faults tell whether a seed still stands for them."""
    cells = ((row.name, row.fault, row.run, str(row.lost), _verdict(row)) for row in rows)
    return _table(SEQUENCE_HEADINGS, cells, longest=None)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], longest: int | None = LONGEST) -> str:
    lines = ["| " + " | ".join(headings) + " |", "| " + " | ".join("---" for _ in headings) + " |"]
    lines += ["| " + " | ".join(_cell(cell, longest) for cell in cells) + " |" for cells in rows]
    return "\n".join(lines) + "\n"


def _verdict(row: Row) -> str:
    return "; ".join(row.wrong) or "ok"


def write(rows: Sequence[Row], folder: Path) -> Path:
    """Write `table.md` and `table.json` into a folder; return the path of the former."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
    path = folder / "table.md"
    path.write_text(markdown(rows))
    return path


def _cell(text: str, longest: int | None) -> str:
    short = text if longest is None or len(text) <= longest else f"{text[: longest - 1]}…"
    return short.replace("|", "\\|").replace("\n", " ")
