"""The end of a run: what `outcome` reads from the bucket, and what it writes for a stopped run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.plugins.html_page import Page
from tests.plugins.orchard import Orchard
from tests.plugins.report.reported_runs import AIRFLOW_FACTS, context_of
from verger.clock import now
from verger.report import write
from verger.report.end_of_run import result
from verger.report.facts import AirflowFacts
from verger.run_outcome import RunOutcomeError
from verger.s3.clients import read_json
from verger_contract.report import TaskFacts, TaskFailure

STOPPED = {"list_images": "success", "featurize_done": "failed", "publish": "skipped", "terminate_cluster": "success"}
FAILED = {**STOPPED, "publish": "upstream_failed"}
STARTED: TaskFacts = {
    "task": "featurize_done",
    "state": "failed",
    "seconds": 65.0,
    "start": "2026-11-24T02:01:00+00:00",
    "end": "2026-11-24T02:02:05+00:00",
}


def test_a_published_run_succeeds_and_a_stopped_one_fails(orchard: Orchard) -> None:
    orchard.begin("one").finish()
    states = dict.fromkeys(STOPPED, "success")
    assert result(context_of(orchard, "one"), AIRFLOW_FACTS, states, now()) == "the run is published"
    with pytest.raises(
        RunOutcomeError, match=r"^stopped by hand in featurize_done; nothing was published; .* node hour"
    ):
        result(context_of(orchard, "two"), AIRFLOW_FACTS, STOPPED, now())


def test_the_report_of_a_stopped_run_says_where_it_was_stopped(orchard: Orchard) -> None:
    orchard.begin("one").until("check_features")
    run_context = context_of(orchard, "one")
    with pytest.raises(RunOutcomeError):
        result(run_context, AIRFLOW_FACTS, STOPPED, now())
    facts = orchard.json(run_context.run.failure)
    assert (facts["state"], facts["failure"]["task"]) == ("stopped", "featurize_done")
    answer = orchard.client.get_object(Bucket=orchard.bucket, Key=run_context.run.report)
    summary = Page(answer["Body"].read().decode()).section("summary")
    assert "Stopped" in summary
    assert "featurize_done: stopped by hand in featurize_done; nothing was published" in summary


def test_a_failure_that_its_task_reported_stays_as_it_is(orchard: Orchard) -> None:
    run_context = context_of(orchard, "one")
    failure: TaskFailure = {"task": "featurize_done", "error": "no photo", "at": "2026-11-24T02:02:05+00:00"}
    assert write.failed(run_context, AirflowFacts(), failure)
    with pytest.raises(RunOutcomeError, match=r"^featurize_done failed; nothing was published; to continue, clear"):
        result(run_context, replace(AIRFLOW_FACTS, tasks=[STARTED]), FAILED, now())
    assert orchard.json(run_context.run.failure)["failure"] == failure


def test_a_failure_of_an_earlier_pass_is_replaced_when_the_run_is_stopped(orchard: Orchard) -> None:
    run_context = context_of(orchard, "one")
    failure: TaskFailure = {"task": "featurize_done", "error": "no photo", "at": "2026-11-24T01:00:00+00:00"}
    assert write.failed(run_context, AirflowFacts(), failure)
    with pytest.raises(RunOutcomeError, match=r"^stopped by hand in featurize_done"):
        result(run_context, replace(AIRFLOW_FACTS, tasks=[STARTED]), STOPPED, now())
    assert "stopped by hand" in orchard.json(run_context.run.failure)["failure"]["error"]


def test_a_run_with_nothing_to_do_succeeds(orchard: Orchard) -> None:
    run_context = context_of(orchard, "one")
    run_context.write_json(run_context.run.plan, {"work": False})
    states = {"anything_to_do": "success", "publish": "skipped", "rollback": "skipped"}
    assert result(run_context, AirflowFacts(), states, now()) == "nothing to do"
    assert read_json(orchard.client, orchard.bucket, run_context.run.failure) is None


def test_a_rollback_succeeds_when_the_snapshot_is_current(orchard: Orchard) -> None:
    orchard.begin("one").finish()
    states = {"run_or_roll_back": "success", "list_images": "skipped", "rollback": "success"}
    facts = AirflowFacts(params={"rollback_to": "one"})
    assert result(context_of(orchard, "two"), facts, states, now()) == "rolled back to one"
    with pytest.raises(RunOutcomeError, match="nothing was published"):
        result(context_of(orchard, "two"), AirflowFacts(params={"rollback_to": "none"}), states, now())
