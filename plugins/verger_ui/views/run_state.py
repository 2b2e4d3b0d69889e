"""The state of a run according to Airflow and to the publication, added to what its files show. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from verger.publication.model import Publication
from verger_ui.addresses import dag_run_page
from verger_ui.sources.airflow_runs import AirflowRun, AirflowTask
from verger_ui.views import durations
from verger_ui.views.run_facts import RunFacts, State

UNSUCCESSFUL = (State.FAILED, State.STOPPED)
OUTCOME = "outcome"
"""The task that fails after another one has failed."""
PUBLISH = "publish"
"""The task that is skipped when there is nothing to do."""


def with_airflow(facts: RunFacts, known: AirflowRun | None, tasks: Sequence[AirflowTask] = ()) -> RunFacts:
    """Add what Airflow records of the run. Only Airflow distinguishes a failed run from one in progress."""
    if known is None:
        return facts
    failed = tuple(task.task for task in tasks if task.state == "failed")
    failed = tuple(task for task in failed if task != OUTCOME) or failed
    if known.state != "failed":  # failure.json is from an earlier pass through the run
        own = None if facts.state in UNSUCCESSFUL else facts.warnings
        facts = replace(facts, failed_tasks=(), error="", warnings=own)
    facts = replace(facts, at=known.at, failed_tasks=failed or facts.failed_tasks)
    facts = replace(facts, airflow_page=dag_run_page(known.dag_run_id))
    if known.ended_at and facts.total_seconds is None:
        facts = replace(facts, total_seconds=(known.ended_at - known.at).total_seconds())
    if not facts.seconds:
        seconds = durations.by_group((task.task, durations.of_task(task) or 0.0) for task in tasks)
        facts = replace(facts, seconds=seconds)
    return _with_state(facts, known, tasks)


def _with_state(facts: RunFacts, known: AirflowRun, tasks: Sequence[AirflowTask]) -> RunFacts:
    if known.in_progress:
        return replace(facts, state=State.IN_PROGRESS)
    if facts.state is State.PUBLISHED:
        return facts
    if known.state == "failed":
        return facts if facts.state is State.STOPPED else replace(facts, state=State.FAILED)
    if known.rollback_to:
        return replace(facts, state=State.ROLLED_BACK, why=f"to {known.rollback_to}")
    # A user can also mark a stopped run as a success, and the run may have used another bucket.
    skipped = any(task.task == PUBLISH and task.state == "skipped" for task in tasks)
    idle = known.state == "success" and facts.planned is not True and (skipped or facts.planned is False)
    return replace(facts, state=State.NOTHING) if idle and facts.state is not State.WAITING else facts


def as_published(facts: RunFacts, publication: Publication | None) -> RunFacts:
    """Set the state to published when the publication names the run: its report may have failed."""
    kept = publication is not None and any(snapshot.run == facts.id for snapshot in publication.kept)
    return replace(facts, state=State.PUBLISHED) if kept else facts
