"""Gathers the content of the page of one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from verger.clock import now
from verger.publication.model import Publication, Snapshot
from verger.report.thresholds import Limits
from verger.settings import Settings
from verger.validation.check import outcome
from verger_contract.keys import Run
from verger_ui.addresses import STEPS
from verger_ui.sources import airflow_runs, documents, spark_history
from verger_ui.sources.aws_console import cluster_page
from verger_ui.sources.bucket import Bucket
from verger_ui.sources.lenient import Json
from verger_ui.views import durations, warnings
from verger_ui.views.in_progress import InProgress, in_progress
from verger_ui.views.run_facts import RunFacts, State, of_files, of_report
from verger_ui.views.run_list import files
from verger_ui.views.run_state import as_published, with_airflow


@dataclass(frozen=True)
class TaskRow:
    """A task of the run; `seconds` is None until it has ended."""

    name: str
    state: str
    seconds: float | None


@dataclass(frozen=True)
class CheckRow:
    """A row of validation.json; `outcome` is passed, failed or skipped."""

    check: documents.Check
    outcome: str


@dataclass(frozen=True)
class RunPage:
    """The content of the page.

    Attributes
    ----------
    facts : RunFacts
    publication_state : str
        Whether the run is current, or kept for a rollback; empty when neither.
    warnings : sequence of str
    in_progress : InProgress or None
    tasks : sequence of TaskRow
    longest : float
        Seconds of the longest task.
    checks : mapping of str to sequence of CheckRow
        By table.
    changes : mapping of str to int or None
        Photos listed, new, changed and so on.
    cost_explanation : str
    has_report : bool
    steps : sequence of Step
    spark : mapping of str to str
        Step to the address of its application in Spark's history server.
    consoles : mapping of str to str
        Cluster to its page in the AWS console.
    """

    facts: RunFacts
    publication_state: str
    warnings: Sequence[str]
    in_progress: InProgress | None
    tasks: Sequence[TaskRow]
    longest: float
    checks: Mapping[str, Sequence[CheckRow]]
    changes: Mapping[str, int | None]
    cost_explanation: str
    has_report: bool
    steps: Sequence[documents.Step]
    spark: Mapping[str, str]
    consoles: Mapping[str, str]


def run_page(bucket: Bucket, run: str, settings: Settings) -> RunPage | None:
    """Return the page of a run; None when neither S3 nor Airflow has it."""
    keys = Run(bucket.name, run)
    existing = bucket.keys(keys.folder)
    known = airflow_runs.newest().get(run)
    if not existing and known is None:
        return None
    found = _files(bucket, run, existing)
    report = documents.Report.of(found["report"] or found["failure"])
    publication = bucket.publication()
    airflow_tasks = airflow_runs.tasks([known.dag_run_id])[known.dag_run_id] if known else ()
    facts = of_report(run, found["report"]) if found["report"] else of_files(run, found, now())
    facts = with_airflow(as_published(facts, publication), known, airflow_tasks)
    submitted = steps(bucket, existing, keys.steps)
    tasks = [TaskRow(task.task, task.state, durations.of_task(task)) for task in airflow_tasks]
    tasks = tasks or [TaskRow(task.task, task.state, task.seconds) for task in report.tasks]
    return RunPage(
        facts=facts,
        publication_state=publication_state(publication, run),
        warnings=warnings.find(facts, [], Limits.of(settings)),
        in_progress=in_progress(bucket, run, facts.at, known) if facts.state is State.IN_PROGRESS else None,
        tasks=tasks,
        longest=max((task.seconds or 0 for task in tasks), default=0),
        checks=_checks(report, found["validation"]),
        changes=report.changes or documents.Plan.of(found["plan"]).photos,
        cost_explanation=report.cost.explanation,
        has_report=keys.report in existing,
        steps=submitted,
        spark=_spark(settings.cluster.spark_history_url, found),
        consoles={step.cluster: cluster_page(bucket.client, step.cluster) for step in submitted},
    )


def _files(bucket: Bucket, run: str, existing: Mapping[str, int]) -> dict[str, Json | None]:
    of_run = Run(bucket.name, run)
    keys = files(bucket.name, run) | {"report": of_run.report_facts}
    keys |= {step: of_run.metrics(step) for step in STEPS}
    found = bucket.jsons(key for key in keys.values() if key in existing)
    return {name: found.get(key) for name, key in keys.items()}


def steps(bucket: Bucket, existing: Mapping[str, int], prefix: str) -> list[documents.Step]:
    """Return the steps that the run submitted, oldest first. Malformed records are left out."""
    found = bucket.jsons(key for key in existing if key.startswith(prefix))
    records = [documents.Step.of(content) for content in found.values()]
    complete = [record for record in records if record.step and record.cluster and record.step_id]
    return sorted(complete, key=lambda record: record.submitted_at)


def publication_state(publication: Publication | None, run: str) -> str:
    """Return whether the run is current, or kept for a rollback; empty when neither."""
    kept: Sequence[Snapshot] = publication.kept if publication else ()
    for position, snapshot in enumerate(kept):
        if snapshot.run == run:
            return "the current publication" if position == 0 else "kept for a rollback"
    return ""


def _spark(base: str, found: Mapping[str, Json | None]) -> dict[str, str]:
    links = {step: spark_history.link(base, spark_history.application_of(found.get(step))) for step in STEPS}
    return {step: link for step, link in links.items() if link}


def _checks(report: documents.Report, validation: Json | None) -> dict[str, list[CheckRow]]:
    tables = report.checks or documents.Validation.of({"tables": validation}).tables
    return {table: [CheckRow(row, outcome(row.row())) for row in rows] for table, rows in tables.items()}
