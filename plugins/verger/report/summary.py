"""What happened in five lines: photos, basis, components, work, and what is odd. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from verger.emr import cost
from verger.report.facts import PUBLISHED_STATE
from verger.report.pictures import duration
from verger.report.warnings import refitted

FEATURES = 1280

CHANGES = {
    "new": "{:,} new",
    "changed": "{:,} changed",
    "deleted": "{:,} deleted",
    "retry": "{:,} tried again",
    "opportunistic_retry": "{:,} rejects looked at again",
}


@dataclass(frozen=True)
class Line:
    """`text`, or several `points`; `soft` is said in a lower voice. `tone`: good, bad or odd."""

    name: str
    text: str = ""
    points: Sequence[str] = ()
    soft: str = ""
    tone: str = ""


def lines(facts: Mapping[str, Any]) -> list[Line]:
    """The five lines; of a failed run, what failed and what is known."""
    if facts["state"] != PUBLISHED_STATE:
        # Of a run that stopped halfway nobody can say that nothing is odd.
        return [_failure(facts), _photos_to_do(facts), _work(facts), *([_odd(facts)] if facts["warnings"] else [])]
    return [_photos(facts), _basis(facts), _components(facts), _work(facts), _odd(facts)]


def changes(facts: Mapping[str, Any]) -> str:
    """For example `7 new, 3 changed`."""
    found = [words.format(facts["changes"][name]) for name, words in CHANGES.items() if facts["changes"].get(name)]
    return ", ".join(found) or "nothing new, changed or deleted"


def span(stages: Sequence[Mapping[str, Any]]) -> float | None:
    """Seconds from the first stage's beginning to the last one's end; None when no times are known."""
    times = [datetime.fromisoformat(stage[at]) for stage in stages for at in ("start", "end") if stage.get(at)]
    return (max(times) - min(times)).total_seconds() if times else None


def _photos(facts: Mapping[str, Any]) -> Line:
    text = f"{facts['photos']:,} have vectors now, {facts['rejected']:,} could not be read"
    return Line("Photos", f"{text}. Since the last publication: {changes(facts)}.", soft=_because(facts))


def _because(facts: Mapping[str, Any]) -> str:
    """Why the run had work, where that is more than the photos that came and went."""
    more = facts["why"].removeprefix(changes(facts)).removeprefix(", ")
    return f"Also to do: {more}." if more else ""


def _basis(facts: Mapping[str, Any]) -> Line:
    if facts["basis_kept"]:
        return Line(
            "Basis", f"kept: {facts['basis_reason']}", soft=f"Vectors compare with those since {facts['basis']}."
        )
    soft = "Vectors of earlier publications do not compare with these." if refitted(facts) else ""
    return Line("Basis", f"FITTED ANEW: {facts['basis_reason']}", soft=soft, tone="odd" if soft else "")


def _components(facts: Mapping[str, Any]) -> Line:
    explained = facts["explained_variance"]
    share = "there is no variance to explain" if explained is None else f"they explain {explained:.4%} of the variance"
    return Line("Components", f"k = {facts['k']:,} of {FEATURES:,}; {share} (target {facts['target_variance']:.2%}).")


def _work(facts: Mapping[str, Any]) -> Line:
    parts = []
    if facts["photos_per_second"]:
        parts.append(f"{facts['photos_per_second']:,.1f} photos/s in step 1")
    taken = span(facts["tasks"])
    if taken is not None:
        parts.append(f"{duration(taken)} up to this report")
    parts.append(cost.in_words(facts["cost"]))
    return Line("Work", "; ".join(parts) + ".")


def _odd(facts: Mapping[str, Any]) -> Line:
    if not facts["warnings"]:
        return Line("Odd", "nothing: every check passed, no rejects, no drift beyond the usual.", tone="good")
    return Line("Odd", points=facts["warnings"], tone="odd")


def _failure(facts: Mapping[str, Any]) -> Line:
    failure = facts["failure"]
    soft = "Nothing was published by this run; what was current before stays current."
    said = [f"{one['task']}: {one['error']}" for one in (failure, *failure.get("also", ()))]
    if len(said) > 1:
        return Line("Failed", points=said, soft=soft, tone="bad")
    return Line("Failed", said[0], soft=soft, tone="bad")


def _photos_to_do(facts: Mapping[str, Any]) -> Line:
    listed = facts["inventory"]
    if listed is None:
        return Line("Photos", "not compared with what is published: the run failed before.")
    return Line("Photos", f"{listed:,} listed: {changes(facts)}.", soft=_because(facts))
