"""The end of a run: its outcome from the facts in the bucket, and the report of a run that failed or was stopped.

Airflow decides the state of a run from its last tasks and from teardowns, and a skipped task counts as a success. So
the task `outcome` is a teardown, which Airflow runs also when a user marks the run as failed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from verger.context import RunContext
from verger.emr import cost
from verger.emr.hook import IdempotentEmrHook
from verger.publication import commit
from verger.report import airflow_facts, write
from verger.report.facts import AirflowFacts
from verger.run_id import run_id
from verger.run_outcome import RunEnd, RunOutcomeError, outcome
from verger_contract.keys import owner
from verger_contract.report import TaskFacts, TaskFailure

log = logging.getLogger(__name__)


def report_failure(context: Any, run_context: RunContext, now: datetime) -> None:
    """Write the report of a run after a task has failed for the last time: `on_failure_callback` of every task."""
    if isinstance(getattr(context.get("exception"), "__cause__", None), RunOutcomeError):
        return  # `conclude` has written the report
    facts = airflow_facts.gather(context, run_context, now)
    write.failed(run_context, facts, airflow_facts.failure(context, now))


def conclude(context: Any, run_context: RunContext, now: datetime) -> str:
    """Return how the run has ended, in one line. Terminate clusters that `terminate_cluster` could not terminate.

    Parameters
    ----------
    context : Context
        The one of the task `outcome`.
    run_context : RunContext
    now : datetime

    Raises
    ------
    RunOutcomeError, PublicationError
        See `result`.
    """
    facts, states = airflow_facts.gather(context, run_context, now), airflow_facts.states_upstream(context)
    # The teardown does not run when create_cluster failed after its request.
    if facts.cost and states.get("terminate_cluster") != "success":
        storage = run_context.settings.storage
        hook = IdempotentEmrHook(aws_conn_id=storage.aws_conn_id, region_name=storage.region)
        hook.terminate(facts.cost["clusters"])
    return result(run_context, facts, states, now)


def result(run_context: RunContext, facts: AirflowFacts, states: Mapping[str, str], now: datetime) -> str:
    """Return how the run has ended, in one line. Write failure.json and the report of a run that was stopped.

    Parameters
    ----------
    run_context : RunContext
    facts : AirflowFacts
    states : mapping of str to str
        The state of each task before `outcome`, in the order of the DAG.
    now : datetime

    Raises
    ------
    RunOutcomeError
        The run did not succeed: the message has the line and the cost.
    PublicationError
        `published.json` has unexpected content.
    """
    found = outcome(_end(run_context, facts, states))
    if found.succeeded:
        log.info("run %s: %s", run_context.run.id, found.text)
        return found.text
    if found.stopped:  # no failed task has reported it
        failure: TaskFailure = {"task": found.task or "outcome", "error": found.text, "at": now.isoformat()}
        write.stopped(run_context, facts, failure)
    raise RunOutcomeError(f"{found.text} (cost: {cost.in_words(facts.cost)})")


def _end(run_context: RunContext, facts: AirflowFacts, states: Mapping[str, str]) -> RunEnd:
    run = run_context.run
    rollback_to = str(facts.params.get("rollback_to") or "")
    current = commit.current(run_context.client, run.bucket)
    found = run_context.read_json(run.plan)
    plan = found if isinstance(found, Mapping) else {}
    return RunEnd(
        states=states,
        published=current is not None and run.id in map(owner, current.publication.named),
        nothing_to_do=plan.get("work") is False,
        waits=str(plan.get("why") or "") if plan.get("waiting") is True else "",
        without_cluster=plan.get("without_cluster") is True,
        rolled_back=bool(rollback_to)
        and current is not None
        and current.publication.current.run in (rollback_to, run_id(rollback_to)),
        rollback_to=rollback_to,
        errors=dict(_errors(run_context.read_json(run.failure), facts.tasks)),
    )


def _errors(content: Any, tasks: Sequence[TaskFacts]) -> Iterator[tuple[str, str]]:
    """Yield the tasks whose last try reported an error, and the error.

    Parameters
    ----------
    content : object
        The parsed failure.json.
    tasks : sequence of TaskFacts
    """
    first = (content.get("failure") if isinstance(content, Mapping) else None) or {}
    started = {row["task"]: row["start"] for row in tasks}
    for failure in (first, *first.get("also", ())):
        task, start = failure.get("task"), started.get(failure.get("task"))
        # An error from before the start of the last try is that of an earlier pass through the run.
        if task and (start is None or datetime.fromisoformat(failure["at"]) >= datetime.fromisoformat(start)):
            yield task, failure["error"]
