"""What a report is told by Airflow and EMR, from inside a task or its callback.

Airflow tells a task how the others ended and how long they took, but not when they began: that each notes for itself,
as an XCom.
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
from verger.report.facts import AirflowFacts
from verger.report.illustrations import attempt
from verger_contract.report import Cost

log = logging.getLogger(__name__)

STARTED_AT = "started_at"
"""Key of the XCom."""

SHOWN = ("success", "failed")
"""States of the tasks that a report shows."""

LONGEST = 4000
"""Letters of an error that a report shows."""


def note_start(context: Context) -> None:
    """`on_execute_callback` of every task. One that comes back from the triggerer began when it began first: what is
    noted is not noted again. (Airflow removes a task's XComs when it begins another try.)
    """
    ti: Any = context["ti"]
    if not ti.xcom_pull(task_ids=ti.task_id, key=STARTED_AT):
        ti.xcom_push(STARTED_AT, ti.start_date.isoformat())


def gather(context: Context, run_context: RunContext, now: datetime) -> AirflowFacts:
    """Everything; what cannot be learned is left out, and the log says why."""
    return AirflowFacts(
        tasks=attempt("the tasks", lambda: ended_tasks(context), []),
        params=attempt("the parameters", lambda: dict(context["params"]), {}),
        cost=attempt("the cost", lambda: _cost(run_context, now), None),
        versions=versions(),
    )


def failure(context: Context, now: datetime) -> dict[str, str]:
    """Which task failed, and by what, without the secrets that Airflow masks in logs: for `on_failure_callback`."""
    from airflow.sdk._shared.secrets_masker import redact  # the one that tasks add their secrets to

    error = context.get("exception")
    words = "Airflow gives no reason" if error is None else str(error) or repr(error)
    return {"task": context["ti"].task_id, "error": str(redact(words))[:LONGEST], "at": now.isoformat()}


def _cost(run_context: RunContext, now: datetime) -> Cost | None:
    storage = run_context.settings.storage
    emr = IdempotentEmrHook(aws_conn_id=storage.aws_conn_id, region_name=storage.region).emr_client
    return cost.measure(emr, run_context.run, run_context.settings.prices, now)


def ended_tasks(context: Context) -> list[dict[str, Any]]:
    """The tasks that have ended, in the order of the DAG: stage, state, seconds, and start and end (ISO 8601, UTC; None
    when the beginning is not known).
    """
    run_id = str(context["run_id"])
    ti: Any = context["ti"]  # Airflow's protocol of it does not know all that it can
    ended = {crumb["task_id"]: crumb for crumb in ti.get_task_breadcrumbs(ti.dag_id, run_id)}
    order = [task.task_id for task in context["dag"].topological_sort()]
    found = [ended[task] for task in order if task in ended and ended[task]["state"] in SHOWN]
    began = dict(_beginnings(context, [crumb["task_id"] for crumb in found]))
    return [task_facts(crumb, began.get(crumb["task_id"])) for crumb in found]


def task_facts(crumb: Mapping[str, Any], began: str | None) -> dict[str, Any]:
    """One entry of `stages`. `crumb`: Airflow's, with task_id, state and duration in seconds."""
    seconds = crumb["duration"] or 0.0
    start = datetime.fromisoformat(began).astimezone(UTC) if began else None
    return {
        "task": crumb["task_id"],
        "state": crumb["state"],
        "seconds": round(seconds, 1),
        "start": start.isoformat() if start else None,
        "end": (start + timedelta(seconds=seconds)).isoformat() if start else None,
    }


def _beginnings(context: Context, tasks: list[str]) -> Iterator[tuple[str, str]]:
    for task in tasks:
        noted = context["ti"].xcom_pull(task_ids=task, key=STARTED_AT)
        if noted:
            yield task, noted


def versions() -> dict[str, str]:
    """Of what runs here."""
    from importlib.metadata import version

    names = {"Airflow": "apache-airflow", "amazon provider": "apache-airflow-providers-amazon", "pyarrow": "pyarrow"}
    return {name: version(package) for name, package in names.items()}
