"""What of a run a person should look at. Pure: from its facts and the limits that were in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from verger.report import labels
from verger.settings import Validation
from verger.validation.check import SKIPPED, outcome

NEAR = 0.8
"""From this part of a limit on, what stays below it is odd all the same."""

NAMED = 5
"""Labels named in a line."""


def odd(facts: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], limits: Validation, tolerance: float) -> list[str]:
    """One sentence for each thing; empty when all is as usual.

    rows: of `labels.read`
    tolerance: what a kept basis may miss the target by
    """
    return [
        *_weights(facts),
        *_checks(facts),
        *_rejects(facts, limits),
        *_deletions(facts, limits),
        *_basis(facts, tolerance),
        *_labels(facts, rows),
    ]


def near_limits(facts: Mapping[str, Any], limits: Validation, tolerance: float) -> dict[str, str]:
    """Of passed checks, those that hold by little: name of the check to how little."""
    found = {}
    share = _share(facts["rejected"], (facts["photos"] or 0) + (facts["rejected"] or 0))
    if limits.max_rejects_share and share > NEAR * limits.max_rejects_share:
        found["share of rejects"] = f"near its limit of {limits.max_rejects_share:.1%}"
    margin = _margin(facts, tolerance)
    if margin is not None and margin < (1 - NEAR) * tolerance:
        found["explained variance"] = f"{100 * margin:.2f} points above the share at which a new basis is fitted"
    return found


def _share(part: int | None, whole: int | None) -> float:
    return (part or 0) / whole if whole else 0.0


def _margin(facts: Mapping[str, Any], tolerance: float) -> float | None:
    """How far a kept basis is from being replaced; None where it cannot be."""
    explained, target = facts["explained_variance"], facts["target_variance"]
    if not facts["basis_kept"] or explained is None or target is None or facts["params"].get("basis") == "reuse":
        return None
    return float(explained - (target - tolerance))


def _weights(facts: Mapping[str, Any]) -> Iterator[str]:
    weights = (facts["model"] or {}).get("weights", "imagenet")
    if weights != "imagenet":
        yield f"The model has {weights} weights: the vectors mean nothing."


def _checks(facts: Mapping[str, Any]) -> Iterator[str]:
    rows = [row for table in facts["checks"].values() for row in table]
    failed = [row["name"] for row in rows if not row["passed"]]
    if failed:
        yield f"{_many(len(failed), 'check')} failed: {', '.join(failed)}."
    for name in sorted({row["name"] for row in rows if outcome(row) == SKIPPED}):
        yield f"The check “{name}” was skipped, for want of photos or labels."


def _rejects(facts: Mapping[str, Any], limits: Validation) -> Iterator[str]:
    count = sum(facts["rejects"].values())
    if count:
        kinds = ", ".join(f"{reason}: {many:,}" for reason, many in _most_first(facts["rejects"]))
        yield f"{_many(count, 'photo')} of this run could not be read ({kinds})."
    if "share of rejects" in near_limits(facts, limits, 0.0):
        share = _share(facts["rejected"], facts["photos"] + facts["rejected"])
        yield f"{share:.2%} of all photos are rejects; a run fails above {limits.max_rejects_share:.1%}."


def _most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _deletions(facts: Mapping[str, Any], limits: Validation) -> Iterator[str]:
    deleted, listed = facts["changes"].get("deleted", 0), facts["changes"].get("listed", 0)
    before = listed + deleted - facts["changes"].get("new", 0)
    share = _share(deleted, before)
    if share > NEAR * limits.max_deleted_share:
        yield f"{share:.1%} of the published photos were deleted; a run fails above {limits.max_deleted_share:.0%}."


def refitted(facts: Mapping[str, Any]) -> bool:
    """Whether the run fitted a basis although there was one: vectors of before and after do not compare."""
    return facts["basis_kept"] is False and facts["changes"].get("listed") != facts["changes"].get("new")


def _basis(facts: Mapping[str, Any], tolerance: float) -> Iterator[str]:
    if refitted(facts):
        yield f"The basis was fitted anew, and earlier vectors do not compare: {facts['basis_reason']}."
    margin = _margin(facts, tolerance)
    if margin is not None and margin < (1 - NEAR) * tolerance:
        yield f"The kept basis is {100 * margin:.2f} points from being replaced by a new one."


def _labels(facts: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    far = labels.far(rows)
    if far:
        yield f"New photos lie far from the earlier ones of their label: {_named(far)}."
    if (facts["drift"] or {}).get("new"):
        fresh = [row["label"] for row in rows if row["photos"] and row["photos"] == row["new"]]
        if fresh:
            yield f"{_many(len(fresh), 'label')} without earlier photos: {_named(fresh)}."


def _named(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
