"""The labels of the photos: how many each has, what was rejected, how far its new photos lie from the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from verger.tables.parquet import Store, rows_of
from verger.validation.vectors import folder
from verger_contract.keys import Run
from verger_contract.reasons import RejectKind

DRIFT = ("label", "photos", "new", "distance", "spread", "ratio")
"""Columns of the drift table: a label's earlier photos, its new ones, and how far the latter lie from the former."""

FAR = 0.5
"""New photos whose mean lies further from that of the earlier ones than this part of their spread are odd ..."""

BY_CHANCE = 2.0
"""... unless they are so few that chance alone would make half of it."""

ROWS = 65_536


def read(store: Store, run: Run) -> list[dict[str, Any]]:
    """Every label of the run, the oddest first, with the keys `label`, `photos` (current ones), `new` (of those),
    `rejected` (by this run), and `distance`, `spread`, `ratio` of the drift table (None where it has none).

    Reads a narrow column of each table, in streams; what is held grows with the labels alone.
    """
    photos = _counted(store, run.pca)
    new = _counted(store, run.features)
    rejects = store.rows(run.rejects, ("path", "kind"))
    rejected = Counter(folder(path) for path, kind in rejects if kind != RejectKind.NO_LABEL)
    drift = {row[0]: dict(zip(DRIFT, row, strict=True)) for row in rows_of(store.batches(run.drift, DRIFT), DRIFT)}
    return merge(photos, new, rejected, drift)


def merge(
    photos: Mapping[str, int],
    new: Mapping[str, int],
    rejected: Mapping[str, int],
    drift: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """What `read` answers, from the counts by label. Pure."""
    rows = [
        {
            "label": label,
            "photos": photos.get(label, 0),
            "new": new.get(label, 0),
            "rejected": rejected.get(label, 0),
            **{name: drift.get(label, {}).get(name) for name in ("distance", "spread", "ratio")},
        }
        for label in {*photos, *rejected}
    ]
    return sorted(rows, key=_oddness)


def _oddness(row: Mapping[str, Any]) -> tuple[float, float, int, str]:
    """Far from its earlier photos, then rejected, then few."""
    return (-distance(row), -row["rejected"], row["photos"], row["label"])


def distance(row: Mapping[str, Any]) -> float:
    """How far the new photos of a label lie from its earlier ones, in units of what is odd; 0 where it is not known.

    Of m earlier and n new photos that are alike, the means differ by the square root of 1/m + 1/n of the spread.
    """
    if row["ratio"] is None or math.isnan(row["ratio"]):
        return 0.0
    chance = math.sqrt(1 / max(row["new"], 1) + 1 / max(row["photos"] - row["new"], 1))
    return float(row["ratio"]) / max(FAR, BY_CHANCE * chance)


def far(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """The labels whose new photos lie oddly far from the earlier ones."""
    return [row["label"] for row in rows if distance(row) > 1]


def largest(rows: Sequence[Mapping[str, Any]], count: int) -> list[str]:
    """The labels with most photos."""
    ordered = sorted(rows, key=lambda row: (-row["photos"], row["label"]))
    return [row["label"] for row in ordered[:count] if row["photos"]]


def _counted(store: Store, key: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for batch in store.batches(key, ("label",), ROWS):
        for pair in batch.column("label").value_counts().to_pylist():
            found[pair["values"]] += pair["counts"]
    return found
