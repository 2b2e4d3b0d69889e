"""A cleared task finds its step on the present cluster of the run, or submits it there."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from tests.plugins.emr.operators.conftest import (
    DEFERRED,
    Add,
    Done,
    NewCluster,
    command_step,
    deferred_trigger,
    fire,
    step_after_deferral,
    step_state,
    wait_for,
)

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

STEP = step_after_deferral("featurize run-1")


@pytest.fixture
def cleared(context: dict[str, Any]) -> dict[str, Any]:
    """Return the context of a task that a user has cleared."""
    context["ti"].try_number = 2
    return context


@pytest.fixture
def ended_cluster(cluster: str, emr: EMRClient) -> str:
    """Return the id of a terminated cluster on which the step has failed."""
    steps: Any = [command_step(STEP["Name"], "false")]
    (step,) = emr.add_job_flow_steps(JobFlowId=cluster, Steps=steps)["StepIds"]
    wait_for(lambda: step_state(emr, cluster, step) == "FAILED")
    end(emr, cluster)
    return cluster


def end(emr: EMRClient, cluster: str) -> None:
    emr.terminate_job_flows(JobFlowIds=[cluster])
    wait_for(lambda: emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == "TERMINATED")


def steps(emr: EMRClient, cluster: str) -> dict[str, str]:
    """Return the states of the steps of a cluster by their id."""
    return {step["Id"]: step["Status"]["State"] for step in emr.list_steps(ClusterId=cluster)["Steps"]}


@pytest.mark.parametrize("xcom", ["the new cluster", "the old cluster", "none"])
def test_the_step_of_an_ended_cluster_is_submitted_to_the_new_one(
    *,
    xcom: str,
    ended_cluster: str,
    done: Done,
    new_cluster: NewCluster,
    overrides: dict[str, Any],
    cleared: Any,
    emr: EMRClient,
) -> None:
    new = str(new_cluster(overrides).execute(cleared))
    (old_step,) = steps(emr, ended_cluster)
    known = {"the new cluster": new, "the old cluster": ended_cluster, "none": "None"}[xcom]
    task = done(known, old_step, STEP)
    trigger: Any = deferred_trigger(task.execute, cleared)
    (submitted,) = steps(emr, new)
    assert (trigger.job_flow_id, trigger.step_id) == (new, submitted)
    task.job_flow_id, task.step_id = known, old_step  # Airflow renders the templates again after the deferral
    task.execute_complete(cleared, fire(trigger))
    assert steps(emr, new) == {submitted: "COMPLETED"}


def test_without_an_active_cluster_the_error_says_what_to_clear(
    ended_cluster: str, done: Done, cleared: Any, emr: EMRClient
) -> None:
    (old_step,) = steps(emr, ended_cluster)
    with pytest.raises(AirflowFailException, match=f"^cluster {ended_cluster}: .*clear create_cluster and the tasks"):
        done(ended_cluster, old_step, STEP).execute(cleared)
    with pytest.raises(AirflowFailException, match=r"^run run-1: expected an active cluster .*clear create_cluster"):
        done("None", "", STEP).execute(cleared)


def test_a_step_that_completed_before_its_cluster_ended_ends_the_task(
    cluster: str, add: Add, done: Done, context: Any, emr: EMRClient
) -> None:
    request = command_step(STEP["Name"], "true")
    (step,) = add(cluster, request).execute(context)
    wait_for(lambda: step_state(emr, cluster, step) == "COMPLETED")
    end(emr, cluster)
    done(cluster, step, request).execute(context)


def test_a_failed_step_is_reported_by_the_first_try_and_submitted_again_by_a_cleared_task(
    cluster: str, add: Add, done: Done, context: Any, emr: EMRClient
) -> None:
    request = step_after_deferral(STEP["Name"], then="echo 'verger: error: no photo' >&2; exit 1")
    DEFERRED.touch()
    (failed,) = add(cluster, request).execute(context)
    wait_for(lambda: step_state(emr, cluster, failed) == "FAILED")
    with pytest.raises(AirflowFailException, match="is FAILED: verger: error: no photo"):
        done(cluster, failed, request).execute(context)
    context["ti"].try_number = 2
    trigger: Any = deferred_trigger(done(cluster, failed, request).execute, context)
    assert steps(emr, cluster).keys() == {failed, trigger.step_id}


def test_the_task_submits_a_step_whose_task_was_marked_as_success(
    cluster: str, done: Done, context: Any, emr: EMRClient
) -> None:
    request = command_step("one", "sleep", "100")  # it still runs at the first poll, also on a busy machine
    trigger: Any = deferred_trigger(done(cluster, "", request).execute, context)
    assert list(steps(emr, cluster)) == [trigger.step_id]


def test_a_running_step_with_another_command_is_cancelled_and_not_reused(
    cluster: str, add: Add, context: Any, emr: EMRClient
) -> None:
    (old,) = add(cluster, command_step("one", "sleep", "100")).execute(context)
    wait_for(lambda: step_state(emr, cluster, old) == "RUNNING")
    (new,) = add(cluster, command_step("one", "sleep", "1")).execute(context)
    assert new != old
    wait_for(lambda: steps(emr, cluster) == {old: "CANCELLED", new: "COMPLETED"})


def test_a_completed_step_with_another_command_is_not_reused(
    cluster: str, add: Add, context: Any, emr: EMRClient
) -> None:
    (old,) = add(cluster, command_step("one", "true")).execute(context)
    wait_for(lambda: step_state(emr, cluster, old) == "COMPLETED")
    assert add(cluster, command_step("one", "echo", "1")).execute(context) != [old]


def test_the_options_of_openlineage_do_not_make_another_command(
    cluster: str, add: Add, context: Any, emr: EMRClient
) -> None:
    def request(try_id: str) -> dict[str, Any]:
        return command_step("one", "echo", "--conf", f"spark.openlineage.parentRunId={try_id}", "--conf", "a=b")

    first = add(cluster, request("1")).execute(context)
    assert add(cluster, request("2")).execute(context) == first


def test_a_step_of_a_published_run_is_not_submitted(
    cluster: str, published: None, done: Done, cleared: Any, emr: EMRClient
) -> None:
    with pytest.raises(AirflowFailException, match="start a new run"):
        done(cluster, "", STEP).execute(cleared)
    assert steps(emr, cluster) == {}


@pytest.mark.parametrize("retries", [0, 1])
def test_a_step_whose_process_was_killed_is_submitted_again_within_the_budget(
    *, retries: int, cluster: str, add: Add, done: Done, context: Any, emr: EMRClient, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    request = command_step(STEP["Name"], "bash", "-c", f"until [ -e {go} ]; do sleep 0.2; done; kill -9 $$")

    def ended(trigger: Any) -> Any:
        """Let the step end only now: the task must have deferred before, on a slow machine too."""
        go.touch()
        event = fire(trigger)
        go.unlink()
        return event

    (first,) = add(cluster, request).execute(context)
    task = done(cluster, first, request)
    schedule = replace(task.settings.schedule, step_retries=retries, log_wait_seconds=20)
    task.settings = replace(task.settings, schedule=schedule)
    trigger: Any = deferred_trigger(task.execute, context)
    for _ in range(retries):
        trigger = deferred_trigger(partial(task.execute_complete, event=ended(trigger)), context)
    event = ended(trigger)
    with pytest.raises(AirflowFailException, match=f"^featurize step {trigger.step_id} of {cluster} is FAILED"):
        task.execute_complete(context, event)
    assert list(steps(emr, cluster).values()) == ["FAILED"] * (1 + retries)
