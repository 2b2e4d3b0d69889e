"""Two runs side by side: figures, photos by label, settings and versions. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from verger_ui.formats import UNKNOWN, count, decimal, money, seconds, share, when
from verger_ui.sources.lenient import Json
from verger_ui.views.run_facts import RunFacts

LABELS = 1000
"""Labels that report.json has at most."""


@dataclass(frozen=True)
class Row:
    """A value of both runs as text."""

    name: str
    first: str
    second: str

    @property
    def differs(self) -> bool:
        """Whether the values differ."""
        return self.first != self.second


def compare(runs: tuple[RunFacts, RunFacts], reports: tuple[Json | None, Json | None]) -> dict[str, list[Row]]:
    """Return the rows of each table by its title. Equal settings and versions are left out."""
    first, second = (_figures(run) for run in runs)
    tables = {"Figures": [Row(name, first[name], second[name]) for name in first]}
    for title, found in {
        "Photos by label": tuple(map(_labels, reports)),
        "Versions that differ": tuple(map(_versions, reports)),
        "Settings that differ": tuple(map(_settings, reports)),
        "Parameters that differ": tuple(_texts("", _member(report, "params")) for report in reports),
    }.items():
        rows = [Row(name, found[0].get(name, UNKNOWN), found[1].get(name, UNKNOWN)) for name in _names(*found)]
        tables[title] = rows if title == "Photos by label" else [row for row in rows if row.differs]
    return tables


def _figures(run: RunFacts) -> dict[str, str]:
    return {
        "state": run.state.value,
        "start": when(run.at),
        "photos": count(run.photos),
        "new": count(run.new),
        "changed": count(run.changed),
        "deleted": count(run.deleted),
        "rejected": count(run.rejected),
        "components": count(run.k),
        "variance explained": share(run.explained),
        "basis": UNKNOWN if run.basis_kept is None else "kept" if run.basis_kept else "new PCA components",
        "photos/s": decimal(run.rate),
        "duration": seconds(run.total_seconds),
        "node hours": decimal(run.node_hours, 2),
        "cost, estimated": money(run.cost, run.currency),
    }


def _labels(report: Json | None) -> dict[str, str]:
    shown = _member(report, "labels").get("shown")
    rows = [row for row in shown if isinstance(row, Mapping)] if isinstance(shown, list) else []
    return {str(row.get("label")): count(row["photos"]) for row in rows[:LABELS] if isinstance(row.get("photos"), int)}


def _versions(report: Json | None) -> dict[str, str]:
    return _texts("", _member(report, "versions")) | _texts("model ", _member(report, "model"))


def _settings(report: Json | None) -> dict[str, str]:
    groups = _member(report, "settings")
    return {
        name: text
        for group, values in groups.items()
        if isinstance(values, Mapping)
        for name, text in _texts(f"{group}.", values).items()
    }


def _member(report: Json | None, name: str) -> Mapping[str, Any]:
    found = (report or {}).get(name)
    return found if isinstance(found, Mapping) else {}


def _texts(prefix: str, values: Mapping[str, Any]) -> dict[str, str]:
    return {f"{prefix}{name}": str(value) for name, value in values.items()}


def _names(*found: Mapping[str, str]) -> Iterator[str]:
    return iter(sorted({name for values in found for name in values}, key=str.casefold))
