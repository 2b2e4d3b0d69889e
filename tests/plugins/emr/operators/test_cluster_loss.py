"""A cluster that was lost is replaced by the task that needs it. Here the EMR server is stopped while it is busy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from tests.plugins.conftest import restart_emr
from tests.plugins.emr.operators.conftest import (
    CONNECTION,
    Add,
    Done,
    Ready,
    SlowCluster,
    command_step,
    deferred_trigger,
    fire,
    step_after_deferral,
    step_state,
    wait_for,
)
from verger.emr.hook import ACTIVE_CLUSTER
from verger.emr.operators.cluster_ended import ClusterEndedError
from verger.emr.operators.step_done import StepFailedError
from verger.emr.operators.terminate_cluster import TerminateCluster

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

STEP = step_after_deferral("featurize run-1")
LONG_STEP = command_step("featurize run-1", "sleep", "600")
Lose = Callable[[str], None]


@pytest.fixture
def lose(stack: Path, emr: EMRClient) -> Lose:
    """Return a function that loses a cluster with a running step, or one that starts."""

    def restart(cluster: str) -> None:
        restart_emr(stack)
        wait_for(lambda: state(emr, cluster) == "TERMINATED_WITH_ERRORS")

    return restart


def state(emr: EMRClient, cluster: str) -> str:
    return str(emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"])


def run(emr: EMRClient, cluster: str, request: Any) -> str:
    """Submit a step without an operator, and return its id when it runs."""
    (step,) = emr.add_job_flow_steps(JobFlowId=cluster, Steps=[request])["StepIds"]
    wait_for(lambda: step_state(emr, cluster, step) == "RUNNING")
    return step


def test_a_step_continues_on_a_new_cluster_which_is_terminated_at_the_end(
    *, cluster: str, done: Done, lose: Lose, overrides: dict[str, Any], context: Any, emr: EMRClient
) -> None:
    step = run(emr, cluster, LONG_STEP)
    task = done(cluster, step, LONG_STEP, retries=1)
    trigger = deferred_trigger(task.execute, context)
    lose(cluster)
    task.request = STEP  # so that the test ends; the task of the DAG submits the same step
    again: Any = deferred_trigger(lambda context: task.execute_complete(context, fire(trigger)), context)
    assert again.job_flow_id != cluster
    task.job_flow_id, task.step_id = cluster, step  # Airflow renders the templates again after the deferral
    task.execute_complete(context, fire(again))
    assert step_state(emr, again.job_flow_id, again.step_id) == "COMPLETED"
    teardown = TerminateCluster(
        task_id="terminate",
        job_flow_id=cluster,
        cluster_name=overrides["Name"],
        cluster_tags=overrides["Tags"],
        waiter_delay=1,
        waiter_max_attempts=30,
        **CONNECTION,
    )
    event = fire(deferred_trigger(teardown.execute, context))
    teardown.job_flow_id = cluster
    teardown.execute_complete(context, event, job_flow_id=again.job_flow_id)
    assert state(emr, again.job_flow_id) == "TERMINATED"


def test_not_more_clusters_are_replaced_than_the_setting_says(
    *, cluster: str, add: Add, done: Done, lose: Lose, context: Any, emr: EMRClient
) -> None:
    step = run(emr, cluster, LONG_STEP)
    lose(cluster)
    with pytest.raises(StepFailedError, match=r"the cluster is TERMINATED_WITH_ERRORS \(INTERNAL_ERROR.*; clear this"):
        done(cluster, step, LONG_STEP).execute(context)
    with pytest.raises(ClusterEndedError, match=r"INTERNAL_ERROR.*clear create_cluster"):
        add(cluster, STEP, retries=0).execute(context)
    submitted = add(cluster, STEP, retries=1)
    submitted.execute(context)
    second = str(submitted.job_flow_id)
    assert second != cluster
    wait_for(lambda: state(emr, second) == "RUNNING")
    lose(second)
    with pytest.raises(ClusterEndedError, match=r"INTERNAL_ERROR.*VERGER_CLUSTER_RETRIES"):
        add(cluster, STEP, retries=1).execute(context)


def test_a_cluster_that_is_lost_while_it_starts_is_replaced(
    *, slow_cluster: SlowCluster, ready: Ready, lose: Lose, context: Any, emr: EMRClient
) -> None:
    first = slow_cluster("sleep 60", context)
    wait_for(lambda: state(emr, first) == "BOOTSTRAPPING")
    task = ready(first, retries=1)
    trigger = deferred_trigger(task.execute, context)
    lose(first)
    again: Any = deferred_trigger(lambda context: task.execute_complete(context, fire(trigger)), context)
    task.execute_complete(context, fire(again))
    assert state(emr, again.job_flow_id) == "WAITING"
    assert again.job_flow_id != first


def test_a_published_run_replaces_no_cluster(
    *, cluster: str, published: None, add: Add, ready: Ready, done: Done, lose: Lose, context: Any, emr: EMRClient
) -> None:
    step = run(emr, cluster, LONG_STEP)
    lose(cluster)
    for task in (
        ready(cluster, retries=1),
        add(cluster, STEP, retries=1),
        done(cluster, step, LONG_STEP, retries=1),
    ):
        with pytest.raises(AirflowFailException, match="already published"):
            task.execute(context)
    assert emr.list_clusters(ClusterStates=ACTIVE_CLUSTER)["Clusters"] == []
