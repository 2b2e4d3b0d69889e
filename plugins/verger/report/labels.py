"""The labels of a run: their photos, new photos, rejects, and how far the new photos lie from the earlier ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from verger.publication import coordinates
from verger.publication.model import Snapshot
from verger.report.drift import relative_distance
from verger.report.suspects import table
from verger.report.suspects.table import Suspects
from verger.tables.parquet import Store, rows_of
from verger_contract.keys import Run, name_of
from verger_contract.photos import folder_of as folder
from verger_contract.reasons import RejectKind
from verger_contract.report import LabelRow
from verger_contract.schemas import DRIFT


def read(store: Store, run: Run, snapshot: Snapshot, suspects: Suspects | None = None) -> list[LabelRow]:
    """Return every label of the run. Labels that need attention come first.

    The photos of each label are in the statistics of the snapshot, the new ones in the table of drift. `distance`,
    `spread` and `ratio` are None for a label that is not in the table of drift.
    """
    photos = coordinates.labels(store, snapshot)
    rejects = store.rows(run.rejects, ("path", "kind"))
    rejected = Counter(folder(path) for path, kind in rejects if kind != RejectKind.NO_LABEL)
    names = DRIFT.names
    drift = {row[0]: dict(zip(names, row, strict=True)) for row in rows_of(store.batches(run.drift, names), names)}
    rows = merge(photos, _new(store, run, snapshot, photos, drift), rejected, drift)
    return with_suspects(rows, suspects, run.id) if suspects else rows


def with_suspects(rows: Sequence[LabelRow], suspects: Suspects, run: str) -> list[LabelRow]:
    """Return the labels with the number of their suspects, and of those that the run found."""
    every, new = table.by_label(suspects.rows), table.by_label(suspects.rows, run)
    counted: list[LabelRow] = [
        {**row, "suspects": every[row["label"]], "new_suspects": new[row["label"]]} for row in rows
    ]
    return sorted(counted, key=_order)


def _new(
    store: Store,
    run: Run,
    snapshot: Snapshot,
    photos: Mapping[str, int],
    drift: Mapping[str, Mapping[str, Any]],
) -> Mapping[str, int]:
    """Return the number of new photos of each label. The features are read only if no smaller table has it."""
    if drift:
        return {label: row["new"] for label, row in drift.items()}
    if [features.run for features in snapshot.features] == [name_of(run.features)]:
        return photos  # the run featurized all photos
    return coordinates.counted(store, run.features)


def merge(
    photos: Mapping[str, int],
    new: Mapping[str, int],
    rejected: Mapping[str, int],
    drift: Mapping[str, Mapping[str, Any]],
) -> list[LabelRow]:
    """Return the rows of `read`, from the counts by label and the drift table. Pure."""
    rows: list[LabelRow] = [
        {
            "label": label,
            "photos": photos.get(label, 0),
            "new": new.get(label, 0),
            "rejected": rejected.get(label, 0),
            "distance": drift.get(label, {}).get("distance"),
            "spread": drift.get(label, {}).get("spread"),
            "ratio": drift.get(label, {}).get("ratio"),
            "suspects": 0,
            "new_suspects": 0,
        }
        for label in {*photos, *rejected}
    ]
    return sorted(rows, key=_order)


def _order(row: LabelRow) -> tuple[float, int, int, int, str]:
    """Largest drift first, then most suspects, then most rejects, then fewest photos."""
    return (-relative_distance(row), -row["suspects"], -row["rejected"], row["photos"], row["label"])


def largest(rows: Sequence[LabelRow], count: int) -> list[str]:
    """Return the labels with most photos."""
    ordered = sorted(rows, key=lambda row: (-row["photos"], row["label"]))
    return [row["label"] for row in ordered[:count] if row["photos"]]
