"""What the pages say about one run, made of whatever it left on S3 and what Airflow knows of it. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from verger.publication.model import Publication
from verger_ui.sources.airflow_runs import AirflowRun, AirflowTask

Json = Mapping[str, Any]

STAMP = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d)-(\d\d)-(\d\d))?")
GROUPS = {
    "cluster": ("create_cluster", "cluster_ready", "terminate_cluster"),
    "featurize": ("featurize", "featurize_done"),
    "pca": ("pca", "pca_done"),
}
OTHER = "other"
PUBLISH = "publish"
"""The task that is skipped when there is nothing to do."""
LIVELY = timedelta(minutes=2)
"""A run that Airflow does not know is at work when its progress is younger."""


class State(StrEnum):
    """How a run stands. The values are what the pages say."""

    PUBLISHED = "published"
    IN_FLIGHT = "in flight"
    FAILED = "failed"
    NOTHING = "nothing to do"
    ROLLED_BACK = "rolled back"
    UNFINISHED = "not published"


@dataclass(frozen=True)
class RunFacts:
    """A line of the table of runs. What is not known is None (or empty)."""

    id: str
    state: State
    at: datetime | None = None
    why: str = ""
    photos: int | None = None
    new: int | None = None
    changed: int | None = None
    deleted: int | None = None
    rejected: int | None = None
    k: int | None = None
    explained: float | None = None
    target: float | None = None
    basis_kept: bool | None = None
    basis_reason: str = ""
    rate: float | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    total_seconds: float | None = None
    node_hours: float | None = None
    cost: float | None = None
    currency: str = ""
    checks: int = 0
    failed_checks: tuple[str, ...] = ()
    weights: str = ""
    drift: float | None = None
    """The largest ratio of a label's drift: how far its new photos lie from its earlier ones, in their spread."""
    failed_tasks: tuple[str, ...] = ()
    error: str = ""
    planned: bool | None = None
    """Whether the run found work to do; None where no plan is left."""
    odd: tuple[str, ...] | None = None
    """What the report finds odd about the run by itself; None where it does not say."""

    @property
    def scheduled(self) -> bool:
        return self.id.startswith("scheduled__")


def time_of(run: str) -> datetime | None:
    """The time that the id of a run names, in UTC; None when it names none."""
    found = STAMP.search(run)
    if not found:
        return None
    day, *clock = found.groups()
    try:
        return datetime.fromisoformat(f"{day}T{':'.join(part or '00' for part in clock)}").replace(tzinfo=UTC)
    except ValueError:
        return None


def of_report(run: str, report: Json) -> RunFacts:
    """A published run, from its report.json. Facts that an older report lacks stay unknown."""
    changes, cost, drift = _object(report, "changes"), _object(report, "cost"), _object(report, "drift")
    checks = _checks(_object(report, "checks"))
    stages = [stage for stage in _list(report, "tasks") if isinstance(stage, Mapping)]
    seconds = by_group((str(stage.get("task")), number(stage.get("seconds")) or 0.0) for stage in stages)
    return RunFacts(
        id=run,
        state=State.PUBLISHED,
        at=time_of(run) or moment(report.get("published_at")),
        why=str(report.get("why") or ""),
        photos=_count(report.get("photos")),
        new=_count(changes.get("new")),
        changed=_count(changes.get("changed")),
        deleted=_count(changes.get("deleted")),
        # Of this run, as new and changed are; all that stand are on the page of the run.
        rejected=_rejected(report),
        k=_count(report.get("k")),
        explained=number(report.get("explained_variance")),
        target=number(report.get("target_variance")),
        basis_kept=report.get("basis_kept") if isinstance(report.get("basis_kept"), bool) else None,
        basis_reason=str(report.get("basis_reason") or ""),
        rate=number(report.get("photos_per_second")),
        seconds=seconds,
        total_seconds=_span(stages) or (sum(seconds.values()) or None),
        node_hours=number(cost.get("node_hours")),
        cost=number(cost.get("estimated_cost")),
        currency=str(cost.get("currency") or ""),
        checks=len(checks),
        failed_checks=_failed(checks),
        weights=str(_object(report, "model").get("weights") or ""),
        drift=max(filter(None, (number(label.get("ratio")) for label in _list(drift, "labels"))), default=None),
        odd=_odd(report),
    )


def of_files(run: str, files: Mapping[str, Json | None], now: datetime) -> RunFacts:
    """A run without a report: `files` are plan, featurize, pca, validation, progress and failure, as far as they are
    there.
    """
    plan, featurize, pca, validation, progress, failed = (
        files.get(name) or {} for name in ("plan", "featurize", "pca", "validation", "progress", "failure")
    )
    failure, cost = _object(failed, "failure"), _object(failed, "cost")
    failures = [failure, *_list(failure, "also")] if failure else []
    checks, basis = _checks(validation), _object(pca, "basis")
    changes = _object(plan, "photos")
    updated = moment(progress.get("updated_at"))
    state = State.UNFINISHED
    if updated and now - updated < LIVELY:
        state = State.IN_FLIGHT
    elif failure:
        state = State.FAILED
    elif plan.get("work") is False:
        state = State.NOTHING
    return RunFacts(
        id=run,
        state=state,
        at=time_of(run),
        why=str(plan.get("why") or ""),
        photos=_count(pca.get("photos")),
        new=_count(changes.get("new")),
        changed=_count(changes.get("changed")),
        deleted=_count(changes.get("deleted")),
        rejected=_count(featurize.get("rejected")),
        k=_count(pca.get("k")),
        explained=number(pca.get("explained_variance")),
        basis_kept=basis.get("action") == "kept" if basis.get("action") else None,
        basis_reason=str(basis.get("reason") or ""),
        rate=number(featurize.get("photos_per_second")),
        node_hours=number(cost.get("node_hours")),
        cost=number(cost.get("estimated_cost")),
        currency=str(cost.get("currency") or ""),
        checks=len(checks),
        failed_checks=_failed(checks),
        planned=plan.get("work") if isinstance(plan.get("work"), bool) else None,
        failed_tasks=tuple(str(one["task"]) for one in failures if one.get("task")),
        error="; ".join(_said(one, len(failures) > 1) for one in failures if one.get("error")),
        odd=_odd(failed),
    )


def with_airflow(facts: RunFacts, known: AirflowRun | None, tasks: Sequence[AirflowTask] = ()) -> RunFacts:
    """The same with what Airflow knows: only it can tell a run that failed from one that is at work."""
    if known is None:
        return facts
    failed = tuple(task.task for task in tasks if task.state == "failed")
    if known.state != "failed":  # what it left of a failure is of a pass before this one
        facts = replace(facts, failed_tasks=(), error="", odd=None if facts.state is State.FAILED else facts.odd)
    facts = replace(facts, at=known.at, failed_tasks=failed or facts.failed_tasks)
    if known.ended_at and facts.total_seconds is None:
        facts = replace(facts, total_seconds=(known.ended_at - known.at).total_seconds())
    if not facts.seconds:
        facts = replace(facts, seconds=by_group((task.task, duration(task) or 0.0) for task in tasks))
    if known.in_flight:
        return replace(facts, state=State.IN_FLIGHT)
    if facts.state is State.PUBLISHED:
        return facts
    if known.state == "failed":
        return replace(facts, state=State.FAILED)
    if known.rollback_to:
        return replace(facts, state=State.ROLLED_BACK, why=f"to {known.rollback_to}")
    # A success may also be somebody's mark on a run that was stopped, or of another bucket.
    skipped = any(task.task == PUBLISH and task.state == "skipped" for task in tasks)
    idle = known.state == "success" and facts.planned is not True and (skipped or facts.planned is False)
    return replace(facts, state=State.NOTHING) if idle else facts


def as_published(facts: RunFacts, publication: Publication | None) -> RunFacts:
    """The same, published when the publication says so: its report may have failed."""
    kept = publication is not None and any(snapshot.run == facts.id for snapshot in publication.kept)
    return replace(facts, state=State.PUBLISHED) if kept else facts


def duration(task: AirflowTask) -> float | None:
    return (task.end - task.start).total_seconds() if task.start and task.end else None


def by_group(stages: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Seconds of each group of tasks, those without a group under OTHER; groups that took no time are left out."""
    group_of = {task: group for group, tasks in GROUPS.items() for task in tasks}
    found = dict.fromkeys((*GROUPS, OTHER), 0.0)
    for task, seconds in stages:
        found[group_of.get(task, OTHER)] += seconds
    return {group: seconds for group, seconds in found.items() if seconds}


def moment(text: Any) -> datetime | None:
    """A time of ISO 8601, in UTC when it names no zone; None for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _span(stages: Sequence[Json]) -> float | None:
    """From the first start to the last end, where the report says them: stages overlap."""
    times = [(moment(stage.get("start")), moment(stage.get("end"))) for stage in stages]
    starts, ends = [start for start, _ in times if start], [end for _, end in times if end]
    return (max(ends) - min(starts)).total_seconds() if starts and ends else None


def _checks(tables: Json) -> list[Json]:
    return [row for rows in tables.values() if isinstance(rows, list) for row in rows if isinstance(row, Mapping)]


def _failed(checks: Iterable[Json]) -> tuple[str, ...]:
    return tuple(str(row.get("name")) for row in checks if not row.get("passed"))


def _said(failure: Json, named: bool) -> str:
    """Of several failures, each names its task."""
    return f"{failure.get('task')}: {failure['error']}" if named else str(failure["error"])


def _rejected(report: Json) -> int | None:
    by_reason = report.get("rejects")
    if not isinstance(by_reason, Mapping):
        return _count(report.get("rejected"))
    return sum(filter(None, map(_count, by_reason.values())))


def _odd(report: Json) -> tuple[str, ...] | None:
    said = report.get("warnings")
    return tuple(map(str, said)) if isinstance(said, list) else None


def _object(of: Json, name: str) -> Json:
    found = of.get(name)
    return found if isinstance(found, Mapping) else {}


def _list(of: Json, name: str) -> Sequence[Any]:
    found = of.get(name)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def number(value: Any) -> float | None:
    """As it is when it is one that can be shown; None for anything else, also NaN, which Python's JSON knows."""
    try:
        finite = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer of hundreds of digits
        return None
    return float(value) if finite else None


def _count(value: Any) -> int | None:
    found = number(value)
    return None if found is None else int(found)
