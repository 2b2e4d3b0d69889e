"""What in a run needs attention. Pure: computed from the figures of the run and the limits in force.

The report and the page in Airflow both use this module, so both show the same warnings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from verger.report import drift
from verger.report.thresholds import LABELS_NAMED, NEAR, Limits
from verger.validation.check import outcome
from verger_contract.report import CheckRow, LabelRow, Report, SuspectFacts
from verger_contract.schemas import MOST_SUSPECTS, SuspectKind
from verger_contract.verification.check import SKIPPED


class Kind(StrEnum):
    """What a warning is about."""

    WEIGHTS = "weights"
    CHECKS = "checks"
    REJECTS = "rejects"
    REJECTS_SHARE = "share of rejects"
    DELETIONS = "deletions"
    COMPONENTS = "new components"
    BASIS = "basis near its limit"
    LABELS = "labels"
    SUSPECTS = "suspects"


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of a run that can cause a warning. None, or empty, where a figure is unknown.

    Attributes
    ----------
    weights : str
        Weights of the model.
    checks : mapping of str to sequence of CheckRow
        The rows of validation.json by table.
    rejects : mapping of str to int
        Photos that this run rejected, by kind.
    photos, rejected : int or None
        Current photos with features, and without.
    changes : mapping of str to int
        Photos listed, new, changed, deleted and so on.
    basis_kept : bool or None
    basis_reason : str
    basis_policy : str
        The DAG parameter `basis`.
    explained_variance, target_variance : float or None
        Shares of the variance.
    labels : sequence of LabelRow
    new_in_drift : int
        New photos among the photos of the drift table.
    suspects : SuspectFacts or None
    """

    weights: str = ""
    checks: Mapping[str, Sequence[CheckRow]] = field(default_factory=dict)
    rejects: Mapping[str, int] = field(default_factory=dict)
    photos: int | None = None
    rejected: int | None = None
    changes: Mapping[str, int] = field(default_factory=dict)
    basis_kept: bool | None = None
    basis_reason: str = ""
    basis_policy: str = ""
    explained_variance: float | None = None
    target_variance: float | None = None
    labels: Sequence[LabelRow] = ()
    new_in_drift: int = 0
    suspects: SuspectFacts | None = None


def figures(report: Report, labels: Sequence[LabelRow]) -> Figures:
    """Return the figures of a report. `labels` holds all labels; the report itself may hold fewer."""
    return Figures(
        weights=(report["model"] or {}).get("weights", ""),
        checks=report["checks"],
        rejects=report["rejects"],
        photos=report["photos"],
        rejected=report["rejected"],
        changes=report["changes"],
        basis_kept=report["basis_kept"],
        basis_reason=report["basis_reason"] or "",
        basis_policy=str(report["params"].get("basis") or ""),
        explained_variance=report["explained_variance"],
        target_variance=report["target_variance"],
        labels=labels,
        new_in_drift=report["drift"].get("new") or 0,
        suspects=report["suspects"],
    )


def find(run: Figures, limits: Limits) -> list[str]:
    """Return one sentence for each warning; empty when there is none."""
    return [sentence for _, sentence in by_kind(run, limits)]


def by_kind(run: Figures, limits: Limits) -> list[tuple[Kind, str]]:
    """Return kind and sentence of each warning; empty when there is none."""
    found = {
        Kind.WEIGHTS: _weights(run),
        Kind.CHECKS: _checks(run),
        Kind.REJECTS: _rejects(run),
        Kind.REJECTS_SHARE: _rejects_near_limit(run, limits),
        Kind.DELETIONS: _deletions(run, limits),
        Kind.COMPONENTS: _new_components(run),
        Kind.BASIS: _basis(run, limits),
        Kind.LABELS: _labels(run),
        Kind.SUSPECTS: _suspects(run),
    }
    return [(kind, sentence) for kind, sentences in found.items() for sentence in sentences]


def near_limits(run: Figures, limits: Limits) -> dict[str, str]:
    """Return the passed checks whose value is near the limit: name of the check to an explanation."""
    found = {}
    if limits.max_rejects_share and _rejects_share(run) > NEAR * limits.max_rejects_share:
        found["share of rejects"] = f"near its limit of {limits.max_rejects_share:.1%}"
    margin = _margin(run, limits)
    if margin is not None and margin < (1 - NEAR) * limits.basis_tolerance:
        found["explained variance"] = f"{100 * margin:.2f} points above the share at which a new basis is fitted"
    return found


def refitted(run: Figures) -> bool:
    """Return whether new components replace earlier ones, so that older vectors are not comparable."""
    return run.basis_kept is False and run.changes.get("listed") != run.changes.get("new")


def _share(part: int | None, total: int | None) -> float:
    return (part or 0) / total if total else 0.0


def _rejects_share(run: Figures) -> float:
    return _share(run.rejected, (run.photos or 0) + (run.rejected or 0))


def _margin(run: Figures, limits: Limits) -> float | None:
    """How far a kept basis is above the share at which it is replaced; None where it cannot be replaced."""
    explained, target = run.explained_variance, run.target_variance
    if not run.basis_kept or explained is None or target is None or run.basis_policy == "reuse":
        return None
    return float(explained - (target - limits.basis_tolerance))


def _weights(run: Figures) -> Iterator[str]:
    if run.weights not in ("", "imagenet"):
        yield f"The model has {run.weights} weights: the vectors mean nothing."


def _checks(run: Figures) -> Iterator[str]:
    failed = [row["name"] for rows in run.checks.values() for row in rows if not row["passed"]]
    if failed:
        yield f"{_count(len(failed), 'check')} failed: {', '.join(failed)}."
    for table, rows in run.checks.items():
        for row in rows:
            if outcome(row) == SKIPPED:
                reason = row.get("detail") or "too few photos or labels"
                yield f"The check “{row['name']}” of {table} was skipped: {reason}."


def _rejects(run: Figures) -> Iterator[str]:
    count = sum(run.rejects.values())
    if count:
        kinds = ", ".join(f"{kind}: {photos:,}" for kind, photos in _largest_first(run.rejects))
        yield f"{_count(count, 'photo')} of this run could not be read ({kinds})."


def _rejects_near_limit(run: Figures, limits: Limits) -> Iterator[str]:
    if "share of rejects" in near_limits(run, limits):
        yield (
            f"{_rejects_share(run):.2%} of all photos are rejects; a run fails above {limits.max_rejects_share:.1%}."
        )


def _largest_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def _deletions(run: Figures, limits: Limits) -> Iterator[str]:
    deleted, listed = run.changes.get("deleted", 0), run.changes.get("listed", 0)
    before = listed + deleted - run.changes.get("new", 0)
    share = _share(deleted, before)
    if share > NEAR * limits.max_deleted_share:
        yield f"{share:.1%} of the published photos were deleted; a run fails above {limits.max_deleted_share:.0%}."


def _new_components(run: Figures) -> Iterator[str]:
    if refitted(run):
        yield f"New PCA components: older vectors are not comparable ({run.basis_reason or 'no reason is recorded'})."


def _basis(run: Figures, limits: Limits) -> Iterator[str]:
    margin = _margin(run, limits)
    if margin is not None and margin < (1 - NEAR) * limits.basis_tolerance:
        yield f"The kept basis is {100 * margin:.2f} points above the share at which a new basis is fitted."


def _labels(run: Figures) -> Iterator[str]:
    far = drift.far_labels(run.labels)
    if far:
        yield f"New photos lie far from the earlier ones of their label: {_named(far)}."
    if run.new_in_drift:
        fresh = [row["label"] for row in run.labels if row["photos"] and row["photos"] == row["new"]]
        if fresh:
            yield f"{_count(len(fresh), 'label')} without earlier photos: {_named(fresh)}."


def _suspects(run: Figures) -> Iterator[str]:
    if not run.suspects:
        return
    disagree = run.suspects["kinds"].get(SuspectKind.LABEL_DISAGREES, 0)
    if disagree:
        yield (
            "1 photo has a label that disagrees with its neighbours."
            if disagree == 1
            else f"{_bounded(disagree)} photos have labels that disagree with their neighbours."
        )
    copies = run.suspects["duplicates_across_labels"]
    if copies:
        yield (
            "1 photo is a near duplicate of a photo with another label."
            if copies == 1
            else f"{_bounded(copies)} photos are near duplicates of photos with another label."
        )


def _bounded(count: int) -> str:
    return f"{count:,}" if count < MOST_SUSPECTS else f"{MOST_SUSPECTS:,} or more"


def _named(names: Sequence[str]) -> str:
    more = len(names) - LABELS_NAMED
    return ", ".join(names[:LABELS_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
