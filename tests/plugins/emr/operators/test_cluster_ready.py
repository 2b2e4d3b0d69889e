from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from tests.plugins.emr.operators.conftest import Ready, SlowCluster, deferred_trigger, fire, wait_for
from verger.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient


def test_a_ready_cluster_ends_the_task_without_a_deferral(cluster: str, ready: Ready, context: Any) -> None:
    ready(cluster).execute(context)


def test_the_task_is_deferred_until_the_cluster_is_ready(
    slow_cluster: SlowCluster, ready: Ready, settings: Settings, emr: EMRClient, context: Any
) -> None:
    job_flow_id = slow_cluster("sleep 3", context)
    sensor = ready(job_flow_id)
    event = fire(deferred_trigger(sensor.execute, context))
    sensor.execute_complete(context, event)
    assert emr.describe_cluster(ClusterId=job_flow_id)["Cluster"]["Status"]["State"] == "WAITING"


def test_a_failed_bootstrap_action_fails_the_task_with_emrs_reason(
    slow_cluster: SlowCluster, ready: Ready, settings: Settings, emr: EMRClient, context: Any
) -> None:
    job_flow_id = slow_cluster("sleep 2; exit 3", context)
    sensor = ready(job_flow_id)
    event = fire(deferred_trigger(sensor.execute, context))
    with pytest.raises(
        AirflowFailException, match=rf"^cluster {job_flow_id}: expected WAITING or RUNNING, found "
    ) as it:
        sensor.execute_complete(context, event)
    assert "BOOTSTRAP_FAILURE" in str(it.value)
    assert f"s3://{settings.storage.bucket}/logs/{job_flow_id}/" in str(it.value)


def test_a_cluster_that_is_terminated_during_the_wait_fails_the_task(
    slow_cluster: SlowCluster, ready: Ready, settings: Settings, emr: EMRClient, context: Any
) -> None:
    job_flow_id = slow_cluster("sleep 60", context)
    sensor = ready(job_flow_id)
    trigger = deferred_trigger(sensor.execute, context)
    emr.terminate_job_flows(JobFlowIds=[job_flow_id])
    wait_for(lambda: emr.describe_cluster(ClusterId=job_flow_id)["Cluster"]["Status"]["State"] == "TERMINATED")
    event = fire(trigger)
    with pytest.raises(AirflowFailException, match=r"found TERMINATED .*USER_REQUEST"):
        sensor.execute_complete(context, event)
