"""Writes the report of a run to the bucket: report.json and report.html; for a failed run, failure.json instead."""

from __future__ import annotations

import logging
from typing import cast

from verger.context import RunContext
from verger.publication import commit
from verger.report import labels
from verger.report.attempt import attempt
from verger.report.facts import (
    STOPPED_STATE,
    AirflowFacts,
    of_failed,
    of_published,
    of_snapshot,
    published_snapshot,
)
from verger.report.page import page
from verger.report.pictures import illustrations
from verger.report.pictures.illustrations import Illustrations
from verger.report.suspects import table
from verger.report.suspects.table import Suspects
from verger_contract.keys import owner
from verger_contract.report import EarlierFailure, LabelRow, Report, TaskFailure

log = logging.getLogger(__name__)

NO_LABELS = "Labels and their drift could not be read: see the log of the task report."


def published(run_context: RunContext, airflow_facts: AirflowFacts) -> Report:
    """Write the report of a published run, and return it.

    Raises
    ------
    PublicationError
        The run is not published.
    """
    snapshot = published_snapshot(run_context)
    run_context = of_snapshot(run_context, snapshot)
    store, run = run_context.store, run_context.run
    suspects: Suspects | None = attempt("the suspects", lambda: table.read(store.read, run), None)
    rows: list[LabelRow] | None = attempt("the labels", lambda: labels.read(store, run, snapshot, suspects), None)
    report = of_published(run_context, airflow_facts, rows or [], table.facts(suspects))
    if rows is None:
        report["warnings"].append(NO_LABELS)
    drawn = illustrations.illustrate(run_context, snapshot, report, rows or [], suspects)
    run_context.write_json(run_context.run.report_facts, report)
    _put_page(run_context, page(report, drawn, run_context.settings))
    attempt("deleting failure.json of an earlier try", lambda: delete_failure(run_context), None)
    return report


def failed(run_context: RunContext, airflow_facts: AirflowFacts, failure: TaskFailure) -> bool:
    """Write failure.json and the report of a failed run. Returns False, and writes nothing, when the run is published.

    Errors may name photos, and report.json is kept after a photo is deleted. So the facts go to failure.json.
    """
    return _write_unpublished(
        run_context, of_failed(run_context, airflow_facts, _with_earlier(run_context, airflow_facts, failure))
    )


def stopped(run_context: RunContext, airflow_facts: AirflowFacts, failure: TaskFailure) -> bool:
    """Write failure.json and the report of a run that a user stopped. Returns False when the run is published."""
    return _write_unpublished(run_context, of_failed(run_context, airflow_facts, failure, STOPPED_STATE))


def _write_unpublished(run_context: RunContext, report: Report) -> bool:
    current = commit.current(run_context.client, run_context.run.bucket)
    if current and run_context.run.id in map(owner, current.publication.named):
        return False
    run_context.write_json(run_context.run.failure, report)
    drawn = Illustrations(timeline=illustrations.timeline(report))
    _put_page(run_context, page(report, drawn, run_context.settings))
    return True


def _with_earlier(run_context: RunContext, airflow_facts: AirflowFacts, failure: EarlierFailure) -> TaskFailure:
    """Return the first failure of this pass through the run, with the failures after it in `also`.

    The first failure is usually the cause. A task that was cleared, and then succeeded or failed a second time, does
    not count with its earlier failure.
    """
    written = run_context.read_json(run_context.run.failure)
    known = dict(written.get("failure") or {}) if isinstance(written, dict) else {}
    later = known.pop("also", ())
    earlier = cast("list[EarlierFailure]", [known, *later] if known else [])
    superseded = {row["task"] for row in airflow_facts.tasks if row["state"] == "success"} | {failure["task"]}
    first, *also = [*(one for one in earlier if one["task"] not in superseded), failure]
    return cast("TaskFailure", {**first, "also": also} if also else first)


def delete_failure(run_context: RunContext) -> None:
    """Delete failure.json if it exists. Reads the object first, because some roles have no permission to delete."""
    if run_context.read_json(run_context.run.failure) is not None:
        run_context.client.delete_object(Bucket=run_context.run.bucket, Key=run_context.run.failure)


def _put_page(run_context: RunContext, text: str) -> None:
    body = text.encode(errors="replace")
    run_context.client.put_object(
        Bucket=run_context.run.bucket, Key=run_context.run.report, Body=body, ContentType="text/html; charset=utf-8"
    )
    log.info("%s: %s kB", run_context.run.uri(run_context.run.report), f"{len(body) / 1000:,.0f}")
