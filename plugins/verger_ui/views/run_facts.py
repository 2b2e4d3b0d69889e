"""What the pages show of one run, from the files that it left on S3. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from verger.report.warnings import Figures
from verger_contract.report import CheckRow
from verger_ui.sources import documents
from verger_ui.sources.lenient import Json
from verger_ui.views import durations

STAMP = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d)-(\d\d)-(\d\d))?")
RECENT = timedelta(minutes=2)
"""A run that Airflow does not have is in progress when its progress is younger."""


class State(StrEnum):
    """The state of a run, as the pages show it."""

    PUBLISHED = "published"
    IN_PROGRESS = "in progress"
    FAILED = "failed"
    STOPPED = "stopped"
    NOTHING = "nothing to do"
    WAITING = "waiting for photos"
    ROLLED_BACK = "rolled back"
    UNFINISHED = "not published"


@dataclass(frozen=True)
class RunFacts:
    """A row of the table of runs. An unknown value is None, or empty.

    Attributes
    ----------
    rejected : int or None
        Photos that this run rejected.
    seconds : mapping of str to float
        Seconds of each group of tasks.
    planned : bool or None
        Whether the plan has work; None without a plan.
    warnings : tuple of str or None
        The warnings in the report; None without a report.
    figures : Figures
        The figures from which warnings are computed when there is no report.
    airflow_page : str
        Path of the run in Airflow's UI; empty when Airflow does not have the run.
    """

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
    basis_kept: bool | None = None
    basis_reason: str = ""
    rate: float | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    total_seconds: float | None = None
    node_hours: float | None = None
    cost: float | None = None
    currency: str = ""
    failed_checks: tuple[str, ...] = ()
    failed_tasks: tuple[str, ...] = ()
    error: str = ""
    planned: bool | None = None
    warnings: tuple[str, ...] | None = None
    figures: Figures = field(default_factory=Figures)
    airflow_page: str = ""

    @property
    def scheduled(self) -> bool:
        """Whether the schedule started the run."""
        return self.id.startswith("scheduled__")


def time_of(run: str) -> datetime | None:
    """Return the time in the id of a run, in UTC; None when it has none."""
    found = STAMP.search(run)
    if not found:
        return None
    day, *clock = found.groups()
    try:
        return datetime.fromisoformat(f"{day}T{':'.join(part or '00' for part in clock)}").replace(tzinfo=UTC)
    except ValueError:
        return None


def of_report(run: str, content: Json) -> RunFacts:
    """Return the facts of a published run from its report.json."""
    report = documents.Report.of(content)
    figures = _figures_of_report(report)
    seconds = durations.by_group((task.task, task.seconds or 0.0) for task in report.tasks)
    return RunFacts(
        id=run,
        state=State.PUBLISHED,
        at=time_of(run) or report.published_at,
        why=report.why,
        photos=report.photos,
        new=report.changes.get("new"),
        changed=report.changes.get("changed"),
        deleted=report.changes.get("deleted"),
        rejected=report.rejected if report.rejects is None else sum(figures.rejects.values()),
        k=report.k,
        explained=report.explained_variance,
        basis_kept=report.basis_kept,
        basis_reason=report.basis_reason,
        rate=report.photos_per_second,
        seconds=seconds,
        total_seconds=durations.span(report.tasks) or (sum(seconds.values()) or None),
        node_hours=report.cost.node_hours,
        cost=report.cost.estimated_cost,
        currency=report.cost.currency,
        failed_checks=_failed(report.checks),
        warnings=None if report.warnings is None else tuple(report.warnings),
        figures=figures,
    )


def of_files(run: str, files: Mapping[str, Json | None], now: datetime) -> RunFacts:
    """Return the facts of a run without a report.

    Parameters
    ----------
    run : str
    files : mapping of str to JSON object or None
        plan, featurize, pca, validation, progress and failure, as far as they exist.
    now : datetime
    """
    plan = documents.Plan.of(files.get("plan"))
    featurize, pca = documents.Featurize.of(files.get("featurize")), documents.Pca.of(files.get("pca"))
    validation = documents.Validation.of({"tables": files.get("validation")})
    failed = documents.Report.of(files.get("failure"))
    failures = [one for one in (failed.failure, *failed.failure.also) if one.task or one.error]
    return RunFacts(
        id=run,
        state=_state(plan, documents.Progress.of(files.get("progress")), failed if failures else None, now),
        at=time_of(run),
        why=plan.why,
        photos=pca.photos,
        new=plan.photos.get("new"),
        changed=plan.photos.get("changed"),
        deleted=plan.photos.get("deleted"),
        rejected=featurize.rejected,
        k=pca.k,
        explained=pca.explained_variance,
        basis_kept=pca.basis.action == "kept" if pca.basis.action else None,
        basis_reason=pca.basis.reason,
        rate=featurize.photos_per_second,
        node_hours=failed.cost.node_hours,
        cost=failed.cost.estimated_cost,
        currency=failed.cost.currency,
        failed_checks=_failed(validation.tables),
        planned=plan.work,
        failed_tasks=tuple(one.task for one in failures if one.task),
        error="; ".join(_error(one, len(failures) > 1) for one in failures if one.error),
        warnings=None if failed.warnings is None else tuple(failed.warnings),
        figures=_figures_of_files(plan, featurize, pca, validation),
    )


def _state(plan: documents.Plan, progress: documents.Progress, failed: documents.Report | None, now: datetime) -> State:
    updated, failed_at = progress.updated_at, failed.failure.at if failed else None
    if updated and now - updated < RECENT and not (failed_at and failed_at >= updated):
        return State.IN_PROGRESS
    if failed:
        return State.STOPPED if failed.state == State.STOPPED else State.FAILED
    if plan.work is False:
        return State.WAITING if plan.waiting else State.NOTHING
    return State.UNFINISHED


def _figures_of_report(report: documents.Report) -> Figures:
    return Figures(
        weights=report.model.weights,
        checks=_rows(report.checks),
        rejects=_known(report.rejects or {}),
        photos=report.photos,
        rejected=report.rejected,
        changes=_known(report.changes),
        basis_kept=report.basis_kept,
        basis_reason=report.basis_reason,
        basis_policy=report.params.basis,
        explained_variance=report.explained_variance,
        target_variance=report.target_variance,
        labels=[label.row() for label in report.labels.shown],
        new_in_drift=report.drift.new or 0,
        suspects=report.suspects.facts(),
    )


def _figures_of_files(
    plan: documents.Plan, featurize: documents.Featurize, pca: documents.Pca, validation: documents.Validation
) -> Figures:
    # The drift table counts a label's earlier photos, the report all of its current photos.
    labels = [label.row() for label in pca.drift.labels]
    return Figures(
        weights=pca.weights or featurize.weights,
        checks=_rows(validation.tables),
        rejects=_known(featurize.rejects),
        changes=_known(plan.photos),
        basis_kept=pca.basis.action == "kept" if pca.basis.action else None,
        basis_reason=pca.basis.reason,
        basis_policy=pca.basis.policy,
        explained_variance=pca.explained_variance,
        target_variance=pca.target_variance,
        labels=[{**row, "photos": row["photos"] + row["new"]} for row in labels],
    )


def _rows(tables: Mapping[str, Iterable[documents.Check]]) -> dict[str, list[CheckRow]]:
    return {table: [check.row() for check in checks] for table, checks in tables.items()}


def _known(counts: Mapping[str, int | None]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count is not None}


def _failed(tables: Mapping[str, Iterable[documents.Check]]) -> tuple[str, ...]:
    return tuple(check.name for table in tables.values() for check in table if not check.passed)


def _error(failure: documents.EarlierFailure, with_task: bool) -> str:
    """Return the error; with its task when there are several failures."""
    return f"{failure.task}: {failure.error}" if with_task else failure.error
