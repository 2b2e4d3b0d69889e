from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.plugins.emr.operators.conftest import CONNECTION, NewCluster, deferred_trigger, fire, wait_for
from verger.emr.operators.terminate_cluster import TerminateCluster

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient


def teardown(job_flow_id: str, overrides: dict[str, Any]) -> TerminateCluster:
    names = {"cluster_name": overrides["Name"], "cluster_tags": overrides["Tags"]}
    return TerminateCluster(
        task_id="terminate", job_flow_id=job_flow_id, waiter_delay=1, waiter_max_attempts=30, **names, **CONNECTION
    )


def end(job_flow_id: str, overrides: dict[str, Any], context: Any) -> None:
    task = teardown(job_flow_id, overrides)
    task.execute_complete(context, fire(deferred_trigger(task.execute, context)))


def test_the_task_ends_when_the_cluster_is_terminated_and_can_be_repeated(
    cluster: str, overrides: dict[str, Any], context: Any, emr: EMRClient
) -> None:
    end(cluster, overrides, context)
    assert emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == "TERMINATED"
    end(cluster, overrides, context)


def test_the_task_terminates_a_second_cluster_of_the_run_but_none_of_another_run(
    cluster: str, overrides: dict[str, Any], context: Any, emr: EMRClient
) -> None:
    second = emr.run_job_flow(**overrides)["JobFlowId"]
    other_tags = [tag | {"Value": "run-2"} if tag["Key"] == "verger:run" else tag for tag in overrides["Tags"]]
    of_another_run = emr.run_job_flow(**overrides | {"Tags": other_tags})["JobFlowId"]
    end(cluster, overrides, context)

    def state(job_flow_id: str) -> str:
        return str(emr.describe_cluster(ClusterId=job_flow_id)["Cluster"]["Status"]["State"])

    wait_for(lambda: state(second) == "TERMINATED")
    assert not state(of_another_run).startswith("TERMINAT")


def test_a_cluster_that_ended_with_errors_does_not_fail_the_task(
    new_cluster: NewCluster, overrides: dict[str, Any], context: Any, emr: EMRClient
) -> None:
    action = {"Name": "missing", "ScriptBootstrapAction": {"Path": "s3://no-such-bucket/script.sh", "Args": []}}
    request = overrides | {"BootstrapActions": [action]}
    made = new_cluster(request).execute(context)

    def state() -> str:
        return str(emr.describe_cluster(ClusterId=made)["Cluster"]["Status"]["State"])

    wait_for(lambda: state() == "TERMINATED_WITH_ERRORS")
    end(str(made), overrides, context)


def test_a_cluster_that_does_not_end_fails_the_task(cluster: str, overrides: dict[str, Any], context: Any) -> None:
    task = teardown(cluster, overrides)
    with pytest.raises(Exception, match="Error terminating JobFlow"):
        task.execute_complete(context, {"status": "error", "message": "max attempts reached"})
