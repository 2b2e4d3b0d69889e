"""The labels of the current publication, sorted and filtered. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from verger.report.drift import is_far
from verger_contract.report import LabelRow

COLUMNS: dict[str, Callable[[LabelRow], Any]] = {
    "label": lambda row: row["label"].casefold(),
    "photos": lambda row: row["photos"],
    "new": lambda row: row["new"],
    "rejected": lambda row: row["rejected"],
    "suspects": lambda row: row["suspects"],
    "distance": lambda row: row["distance"],
    "spread": lambda row: row["spread"],
    "ratio": lambda row: row["ratio"],
}
"""The columns to sort by, and their values."""


def table(rows: Sequence[LabelRow], sort: str, part: str, *, descending: bool) -> list[tuple[LabelRow, bool]]:
    """Return the labels that contain a text, sorted, and whether their new photos are far. Unknown values come last.

    Without a column to sort by, the order of the report stays: labels that need attention come first.
    """
    found = [row for row in rows if part.casefold() in row["label"].casefold()]
    if sort in COLUMNS:
        value = COLUMNS[sort]
        known = sorted((row for row in found if value(row) is not None), key=value, reverse=descending)
        found = [*known, *(row for row in found if value(row) is None)]
    return [(row, is_far(row)) for row in found]
