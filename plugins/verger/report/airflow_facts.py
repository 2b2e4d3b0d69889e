"""Gathers from Airflow and EMR what the report needs: inside a task, or in its failure callback.

Airflow gives a task the state and duration of the other tasks, but not their start. So each task writes its start to an
XCom.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Context

from verger.context import RunContext
from verger.emr import cost
from verger.emr.hook import IdempotentEmrHook
from verger.report.attempt import attempt
from verger.report.facts import AirflowFacts
from verger_contract.report import Cost, TaskFacts, TaskFailure

log = logging.getLogger(__name__)

STARTED_AT = "started_at"
"""Key of the XCom."""

SHOWN = ("success", "failed")
"""States of the tasks that a report shows."""

LONGEST = 4000
"""Characters of an error message that a report shows."""


def note_start(context: Context) -> None:
    """Write the start of the task to an XCom: `on_execute_callback` of every task.

    A deferred task starts a second time when it resumes; its first start is kept. Airflow deletes the XComs of a task
    before another try.
    """
    ti: Any = context["ti"]
    if not ti.xcom_pull(task_ids=ti.task_id, key=STARTED_AT):
        ti.xcom_push(STARTED_AT, ti.start_date.isoformat())


def gather(context: Context, run_context: RunContext, now: datetime) -> AirflowFacts:
    """Return all facts. What cannot be read is left out, and the log holds the error."""
    return AirflowFacts(
        tasks=attempt("the tasks", lambda: ended_tasks(context), []),
        params=attempt("the parameters", lambda: dict(context["params"]), {}),
        cost=attempt("the cost", lambda: _cost(run_context, now), None),
        versions=attempt("the versions", versions, {}),
    )


def failure(context: Context, now: datetime) -> TaskFailure:
    """Return the failed task and its error, for `on_failure_callback`. Secrets are masked."""
    error = context.get("exception")
    message = masked(error)[:LONGEST] if error is not None else "Airflow gives no reason"
    return {"task": context["ti"].task_id, "error": message, "at": now.isoformat()}


def masked(error: object) -> str:
    """Return the message of an error, with the secrets masked that Airflow masks in logs.

    Airflow has no stable function for this. Without it, the message is left out: it could hold a secret.
    """
    try:
        from airflow.sdk.log import mask_logs

        return str(mask_logs(None, "", {"event": str(error) or repr(error)})["event"])
    except Exception:  # whatever is wrong with it, the failure is recorded
        log.exception("secrets cannot be masked: the report leaves out the message of the error")
        kind = f"{type(error).__name__}: " if isinstance(error, BaseException) else ""
        return f"{kind}the message is left out, because secrets in it cannot be masked; see the log of the task"


def _cost(run_context: RunContext, now: datetime) -> Cost | None:
    storage = run_context.settings.storage
    hook = IdempotentEmrHook(
        aws_conn_id=storage.aws_conn_id, region_name=storage.region, config=storage.request_options
    )
    return cost.measure(hook.emr_client, run_context.run, run_context.settings.prices, now)


def states_upstream(context: Context) -> dict[str, str]:
    """Return the states of the tasks that are upstream of this task and have ended, in the order of the DAG."""
    upstream = context["task"].get_flat_relative_ids(upstream=True)
    return {crumb["task_id"]: str(crumb["state"]) for crumb in _breadcrumbs(context) if crumb["task_id"] in upstream}


def _breadcrumbs(context: Context) -> list[dict[str, Any]]:
    """Return Airflow's records of the tasks that have ended, also of skipped ones, in the order of the DAG."""
    ti: Any = context["ti"]  # the type that Airflow declares lacks get_task_breadcrumbs
    ended = {crumb["task_id"]: crumb for crumb in ti.get_task_breadcrumbs(ti.dag_id, str(context["run_id"]))}
    return [ended[task.task_id] for task in context["dag"].topological_sort() if task.task_id in ended]


def ended_tasks(context: Context) -> list[TaskFacts]:
    """Return the tasks that have run and ended, in the order of the DAG."""
    found = [crumb for crumb in _breadcrumbs(context) if crumb["state"] in SHOWN]
    started = dict(_starts(context, [crumb["task_id"] for crumb in found]))
    return [task_facts(crumb, started.get(crumb["task_id"])) for crumb in found]


def task_facts(crumb: Mapping[str, Any], started: str | None) -> TaskFacts:
    """Return the facts of one task.

    Parameters
    ----------
    crumb : mapping
        Airflow's record of the task: task_id, state, and duration in seconds.
    started : str or None
        ISO 8601; None where the start is unknown.
    """
    seconds = crumb["duration"] or 0.0
    start = datetime.fromisoformat(started).astimezone(UTC) if started else None
    return {
        "task": crumb["task_id"],
        "state": crumb["state"],
        "seconds": round(seconds, 1),
        "start": start.isoformat() if start else None,
        "end": (start + timedelta(seconds=seconds)).isoformat() if start else None,
    }


def _starts(context: Context, tasks: list[str]) -> Iterator[tuple[str, str]]:
    for task in tasks:
        started = context["ti"].xcom_pull(task_ids=task, key=STARTED_AT)
        if started:
            yield task, started


def versions() -> dict[str, str]:
    """Return the versions of the software that runs in Airflow."""
    from importlib.metadata import version

    names = {"Airflow": "apache-airflow", "amazon provider": "apache-airflow-providers-amazon", "pyarrow": "pyarrow"}
    return {name: version(package) for name, package in names.items()}
