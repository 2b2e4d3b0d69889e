"""Summarizes a run in five lines: photos, basis, components, work, and what needs attention. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from verger.changes.compare import photo_reasons
from verger.emr import cost
from verger.report import warnings
from verger.report.facts import PUBLISHED_STATE, STOPPED_STATE
from verger.report.pictures.charts import duration
from verger.settings.prices import CURRENCY
from verger_contract.keys import owner
from verger_contract.report import Report, TaskFacts
from verger_contract.schemas import FEATURES_WIDTH

CHANGES = {
    "new": "{:,} new",
    "changed": "{:,} changed",
    "deleted": "{:,} deleted",
    "retry": "{:,} retried",
    "opportunistic_retry": "{:,} rejects retried with other work",
}
ATTENTION = "Needs attention"


@dataclass(frozen=True)
class Line:
    """A line of the summary.

    Attributes
    ----------
    name : str
    text : str
        The content; empty where `points` holds several sentences instead.
    points : sequence of str
    soft : str
        An addition in a softer colour.
    tone : str
        Style class: good, bad, warning, or empty.
    """

    name: str
    text: str = ""
    points: Sequence[str] = ()
    soft: str = ""
    tone: str = ""


def lines(report: Report, named: Sequence[str] = ()) -> list[Line]:
    """Return the five lines; for a failed run, the failure and what is known.

    `named` has the suspects, which report.json does not name.
    """
    if report["state"] != PUBLISHED_STATE:
        # A failed run did not make all checks, so the absence of warnings means nothing.
        attention = [_attention(report)] if report["warnings"] else []
        return [_failure(report), _photos_to_do(report), _work(report), *attention]
    return [_photos(report), _basis(report), _components(report), _work(report), _attention(report, named)]


def changes(report: Report) -> str:
    """Return the changes in words, for example `7 new, 3 changed`."""
    counts = report["changes"]
    found = [text.format(counts[name]) for name, text in CHANGES.items() if counts.get(name)]
    return ", ".join(found) or "nothing new, changed or deleted"


def span(tasks: Sequence[TaskFacts]) -> float | None:
    """Return the seconds from the first start to the last end; None when no times are known."""
    times = [datetime.fromisoformat(at) for task in tasks for at in (task["start"], task["end"]) if at]
    return (max(times) - min(times)).total_seconds() if times else None


def _photos(report: Report) -> Line:
    text = f"{report['photos']:,} have vectors now, {report['rejected']:,} could not be read"
    return Line("Photos", f"{text}. Since the last publication: {changes(report)}.", soft=_other_work(report))


def _other_work(report: Report) -> str:
    """Return the reasons for the work other than the changes of photos."""
    photos = set(photo_reasons(report["changes"], retry_rejects=True))
    other = [part for part in report["why"].split(", ") if part and part not in photos]
    return f"Other reasons for this run: {', '.join(other)}." if other else ""


def _basis(report: Report) -> Line:
    if report["basis_kept"]:
        soft = f"Vectors are comparable with all vectors since {owner(report['basis'] or '')}."
        return Line("Basis", f"kept: {report['basis_reason']}", soft=soft)
    refitted = warnings.refitted(warnings.figures(report, []))
    soft = "Older vectors are not comparable with these." if refitted else ""
    return Line("Basis", f"new components fitted: {report['basis_reason']}", soft=soft, tone="warning" if soft else "")


def _components(report: Report) -> Line:
    explained = report["explained_variance"]
    share = "there is no variance to explain" if explained is None else f"they explain {explained:.4%} of the variance"
    text = f"k = {report['k']:,} of {FEATURES_WIDTH:,}; {share} (target {report['target_variance']:.2%})."
    return Line("Components", text)


def _work(report: Report) -> Line:
    parts = []
    if report["photos_per_second"]:
        parts.append(f"{report['photos_per_second']:,.1f} photos/s in step 1")
    taken = span(report["tasks"])
    if taken is not None:
        parts.append(f"{duration(taken)} up to this report")
    parts.append(cost.in_words(report["cost"]))
    return Line("Work", "; ".join(parts) + ".", soft=_planned(report))


def _planned(report: Report) -> str:
    """Return what the run was expected to take before its cluster was launched, and the minutes that it took."""
    planned = report.get("planned")
    if not planned or planned["minutes"] is None:
        return ""
    amount = "" if planned["cost"] is None else f" and {planned['cost']:.2f} {CURRENCY}"
    took = planned["took_minutes"]
    end = "." if took is None else f"; until the end of the verification it took {took:,.1f} minutes."
    return f"Planned for {planned['workers']:,} workers: {planned['minutes']:,.1f} minutes{amount}{end}"


def _attention(report: Report, named: Sequence[str] = ()) -> Line:
    if not report["warnings"]:
        return Line(ATTENTION, "nothing: every check passed, no rejects, no unusual drift.", tone="good")
    return Line(ATTENTION, points=[*report["warnings"], *named], tone="warning")


def _failure(report: Report) -> Line:
    failure = report["failure"]
    if failure is None:
        raise ValueError(f"run {report['run']}: expected the failure of a run that is {report['state']}, found none")
    soft = "This run published nothing. The earlier publication stays current."
    name = "Stopped" if report["state"] == STOPPED_STATE else "Failed"
    errors = [f"{one['task']}: {one['error']}" for one in (failure, *failure.get("also", ()))]
    if len(errors) > 1:
        return Line(name, points=errors, soft=soft, tone="bad")
    return Line(name, errors[0], soft=soft, tone="bad")


def _photos_to_do(report: Report) -> Line:
    listed = report["inventory"]
    if listed is None:
        return Line("Photos", "the run failed before it compared the photos with the publication.")
    return Line("Photos", f"{listed:,} listed: {changes(report)}.", soft=_other_work(report))
