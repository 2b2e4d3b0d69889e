"""The report of a failed run, failure.json, and what remains of it after a success."""

from __future__ import annotations

from dataclasses import replace

from tests.plugins.html_page import Page
from tests.plugins.orchard import Orchard
from tests.plugins.report.reported_runs import AIRFLOW_FACTS, EVIL, TASKS, context_of, reported
from verger.report import write
from verger.report.facts import AirflowFacts
from verger.s3.clients import read_json
from verger_contract.report import TaskFacts, TaskFailure


def test_the_report_of_a_failed_run(orchard: Orchard) -> None:
    orchard.begin("one").until("check_features")
    run_context = context_of(orchard, "one")
    failure: TaskFailure = {
        "task": "featurize_done",
        "error": f"step {EVIL} is FAILED",
        "at": "2026-11-24T02:03:00+00:00",
    }
    tasks: list[TaskFacts] = [*TASKS[:1], {**TASKS[1], "state": "failed"}]
    assert write.failed(run_context, replace(AIRFLOW_FACTS, tasks=tasks), failure)
    answer = orchard.client.get_object(Bucket=orchard.bucket, Key=run_context.run.report)
    found = Page(answer["Body"].read().decode())
    summary = found.section("summary")
    assert f"featurize_done: step {EVIL} is FAILED" in summary
    assert "12 listed: 12 new" in summary
    assert "This run published nothing" in summary
    assert "no path twice" in found.section("checks")
    assert "FAILED" in found.section("tasks")
    assert (found.section("map"), found.section("new"), found.all("script")) == ("", "", [])
    facts = orchard.json(run_context.run.failure)
    assert (facts["state"], facts["failure"], facts["k"]) == ("failed", failure, None)
    # Errors may name photos, and report.json is kept.
    assert read_json(orchard.client, orchard.bucket, run_context.run.report_facts) is None


def test_a_second_failure_does_not_hide_the_first(orchard: Orchard) -> None:
    run_context = context_of(orchard, "one")
    first: TaskFailure = {"task": "pca_done", "error": "no variance", "at": "2026-11-24T02:03:00+00:00"}
    second: TaskFailure = {"task": "terminate_cluster", "error": "may not be ended", "at": "2026-11-24T02:09:00+00:00"}
    assert write.failed(run_context, AirflowFacts(), first)
    assert write.failed(run_context, AirflowFacts(), second)
    assert orchard.json(run_context.run.failure)["failure"] == {**first, "also": [second]}
    answer = orchard.client.get_object(Bucket=orchard.bucket, Key=run_context.run.report)
    summary = Page(answer["Body"].read().decode()).section("summary")
    assert "pca_done: no variance" in summary
    assert "terminate_cluster: may not be ended" in summary
    write.delete_failure(run_context)
    assert write.failed(run_context, AirflowFacts(), second)
    assert orchard.json(run_context.run.failure)["failure"] == second, "another pass through the run"


def test_a_failure_that_was_cleared_and_succeeded_does_not_count(orchard: Orchard) -> None:
    """A user clears the failed task and the tasks after it, not list_images, which deletes failure.json."""
    run_context = context_of(orchard, "one")
    first: TaskFailure = {"task": "pca_done", "error": "no variance", "at": "2026-11-24T02:03:00+00:00"}
    second: TaskFailure = {"task": "publish", "error": "another run published", "at": "2026-11-24T03:09:00+00:00"}
    assert write.failed(run_context, AirflowFacts(), first)
    cleared: list[TaskFacts] = [{"task": "pca_done", "state": "success", "seconds": 9.0, "start": None, "end": None}]
    assert write.failed(run_context, AirflowFacts(tasks=cleared), second)
    assert orchard.json(run_context.run.failure)["failure"] == second


def test_a_run_that_fails_in_its_first_task(orchard: Orchard) -> None:
    run_context = context_of(orchard, "one")
    failure: TaskFailure = {"task": "list_images", "error": "no such bucket", "at": "2026-11-24T02:03:00+00:00"}
    assert write.failed(run_context, AirflowFacts(), failure)
    answer = orchard.client.get_object(Bucket=orchard.bucket, Key=run_context.run.report)
    summary = Page(answer["Body"].read().decode()).section("summary")
    assert "list_images: no such bucket" in summary
    assert "every check passed" not in summary, "no check was made"


def test_success_deletes_failure_json_and_a_later_failure_keeps_the_report(orchard: Orchard) -> None:
    failure: TaskFailure = {"task": "vacuum", "error": "may not be deleted", "at": "2026-11-24T02:03:00+00:00"}
    running = orchard.begin("one").until("check_features")
    run_context = context_of(orchard, "one")
    assert write.failed(run_context, AIRFLOW_FACTS, failure)
    running.finish()
    facts, _, text = reported(orchard, "one")
    assert read_json(orchard.client, orchard.bucket, run_context.run.failure) is None
    assert not write.failed(run_context, AIRFLOW_FACTS, failure), "the run is published"
    assert orchard.json(run_context.run.report_facts) == facts
    assert orchard.client.get_object(Bucket=orchard.bucket, Key=run_context.run.report)["Body"].read().decode() == text
