"""Which labels have new photos that lie far from their earlier ones. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

from verger.report.thresholds import BY_CHANCE, FAR
from verger_contract.report import LabelRow


def relative_distance(row: LabelRow) -> float:
    """Return the distance of a label's new photos from its earlier ones, divided by the distance that is far.

    The means of m earlier and n new photos of one distribution differ by about sqrt(1/m + 1/n) of the spread, so a
    label with few photos needs a larger distance. The result is 0 where the distance is unknown.
    """
    ratio = row["ratio"]
    if ratio is None or math.isnan(ratio):
        return 0.0
    chance = math.sqrt(1 / max(row["new"], 1) + 1 / max(row["photos"] - row["new"], 1))
    return float(ratio) / max(FAR, BY_CHANCE * chance)


def is_far(row: LabelRow) -> bool:
    """Return whether the label's new photos lie far from its earlier ones."""
    return relative_distance(row) > 1


def far_labels(rows: Iterable[LabelRow]) -> list[str]:
    """Return the labels whose new photos lie far from their earlier ones, unless all new photos are suspects.

    Then the suspects name the photos themselves.
    """
    return [row["label"] for row in rows if is_far(row) and row["new_suspects"] < max(row["new"], 1)]
