"""Puts the report of a run into the bucket: report.json and report.html; of a failed run, failure.json instead."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from verger.context import RunContext
from verger.publication import commit
from verger.report import illustrations, labels
from verger.report.facts import AirflowFacts, of_failed, of_published
from verger.report.illustrations import Illustrations, attempt
from verger.report.page import page
from verger_contract.keys import owner

log = logging.getLogger(__name__)


def published(run_context: RunContext, airflow_facts: AirflowFacts) -> dict[str, Any]:
    """Write the report of a run that is published. Returns its facts. Raises PublicationError when it is not."""
    rows: list[dict[str, Any]] | None = attempt(
        "the labels", lambda: labels.read(run_context.store, run_context.run), None
    )
    facts = of_published(run_context, airflow_facts, rows or [])
    if rows is None:
        facts["warnings"].append("Labels and their drift could not be read: the log of the task report says why.")
    drawn = illustrations.illustrate(run_context, facts, rows or [])
    run_context.write_json(run_context.run.report_facts, facts)
    _put_page(run_context, page(facts, drawn, run_context.settings))
    attempt("removing what it left when it failed before", lambda: forget_failure(run_context), None)
    return facts


def failed(run_context: RunContext, airflow_facts: AirflowFacts, failure: Mapping[str, str]) -> bool:
    """Write what is known of a run that failed, unless it is published all the same; whether it was written.

    The facts go to failure.json: reasons may name photos, and report.json stays for good.
    """
    now = commit.current(run_context.client, run_context.run.bucket)
    if now and run_context.run.id in map(owner, now.publication.named):
        return False
    facts = of_failed(run_context, airflow_facts, _with_earlier(run_context, airflow_facts, failure))
    run_context.write_json(run_context.run.failure, facts)
    _put_page(run_context, page(facts, Illustrations(timeline=illustrations.timeline(facts)), run_context.settings))
    return True


def _with_earlier(run_context: RunContext, airflow_facts: AirflowFacts, failure: Mapping[str, str]) -> dict[str, Any]:
    """The first failure of this pass through the run, with those after it: what failed first is most often why.

    What was cleared and has succeeded since, or failed again, is no failure of this pass.
    """
    written = run_context.read_json(run_context.run.failure)
    known = dict(written.get("failure") or {}) if isinstance(written, dict) else {}
    also = known.pop("also", ())
    earlier = [known, *also] if known else []
    over = {stage["task"] for stage in airflow_facts.tasks if stage["state"] == "success"} | {failure["task"]}
    first, *also = [*(one for one in earlier if one["task"] not in over), dict(failure)]
    return {**first, "also": also} if also else first


def forget_failure(run_context: RunContext) -> None:
    """Only where there is something: not every task needs the right to delete."""
    if run_context.read_json(run_context.run.failure) is not None:
        run_context.client.delete_object(Bucket=run_context.run.bucket, Key=run_context.run.failure)


def _put_page(run_context: RunContext, text: str) -> None:
    body = text.encode(errors="replace")
    run_context.client.put_object(
        Bucket=run_context.run.bucket, Key=run_context.run.report, Body=body, ContentType="text/html; charset=utf-8"
    )
    log.info("%s: %s kB", run_context.run.uri(run_context.run.report), f"{len(body) / 1000:,.0f}")
