from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from local_aws.faults.faults import Fault, lost, refused
from local_aws.faults.proxy import FaultProxy
from tests.plugins.emr.operators.conftest import NewCluster, wait_for
from verger.emr.operators.create_cluster import CreateCluster

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient


def clusters(emr: EMRClient) -> set[str]:
    return {cluster["Id"] for cluster in emr.list_clusters()["Clusters"]}


def test_the_task_returns_at_once_and_the_cluster_has_its_tags(
    create: CreateCluster, context: Any, emr: EMRClient
) -> None:
    made = create.execute(context)
    cluster = emr.describe_cluster(ClusterId=made)["Cluster"]
    tags = {tag["Key"]: tag["Value"] for tag in cluster["Tags"]}
    assert (tags["verger:dag"], tags["verger:run"]) == ("fruit_features", "run-1")
    assert cluster["AutoTerminate"] is False
    assert emr.get_auto_termination_policy(ClusterId=made)["AutoTerminationPolicy"] == {"IdleTimeout": 10800}


def test_a_retry_reuses_the_cluster_of_the_earlier_try(
    create: CreateCluster, new_cluster: NewCluster, overrides: dict[str, Any], context: Any, emr: EMRClient
) -> None:
    made = create.execute(context)
    before = clusters(emr)
    retry = new_cluster(overrides)
    assert retry.execute(context) == made
    assert clusters(emr) == before


@pytest.mark.parametrize("fault", [lost(), refused(500, "InternalServerError", after=True)], ids=["lost", "error"])
def test_the_request_is_sent_once_and_its_cluster_is_used_when_the_response_is_lost(
    fault: Fault, faulty_emr: FaultProxy, create: CreateCluster, context: Any, emr: EMRClient
) -> None:
    before = clusters(emr)
    faulty_emr.inject(fault, operation="RunJobFlow")
    made = create.execute(context)
    assert faulty_emr.count("RunJobFlow") == 1
    assert clusters(emr) - before == {made}


def test_a_request_that_emr_has_limited_is_sent_again(
    faulty_emr: FaultProxy, create: CreateCluster, context: Any, emr: EMRClient
) -> None:
    before = clusters(emr)
    faulty_emr.inject(refused(400, "ThrottlingException"), operation="RunJobFlow", times=1)
    made = create.execute(context)
    assert faulty_emr.count("RunJobFlow") == 2
    assert clusters(emr) - before == {made}


def test_the_cluster_of_another_run_or_dag_is_not_reused(
    create: CreateCluster, new_cluster: NewCluster, overrides: dict[str, Any], context: Any, emr: EMRClient
) -> None:
    made = create.execute(context)
    tags = [tag | {"Value": "other"} if tag["Key"] == "verger:dag" else tag for tag in overrides["Tags"]]
    other = new_cluster(overrides | {"Tags": tags})
    assert other.execute(context) != made


def test_a_cluster_that_is_terminating_is_not_reused(create: CreateCluster, context: Any, emr: EMRClient) -> None:
    made = create.execute(context)
    emr.terminate_job_flows(JobFlowIds=[made])
    wait_for(lambda: emr.describe_cluster(ClusterId=made)["Cluster"]["Status"]["State"].startswith("TERMINAT"))
    assert create.execute(context) != made


def test_a_killed_task_terminates_its_cluster_also_before_it_received_the_id(
    create: CreateCluster, new_cluster: NewCluster, overrides: dict[str, Any], context: Any, emr: EMRClient
) -> None:
    made = create.execute(context)
    killed = new_cluster(overrides)
    killed.on_kill()
    wait_for(lambda: emr.describe_cluster(ClusterId=made)["Cluster"]["Status"]["State"] == "TERMINATED")


def test_a_task_that_is_killed_before_it_created_a_cluster_terminates_nothing(
    create: CreateCluster, emr: EMRClient
) -> None:
    before = clusters(emr)
    create.on_kill()
    assert clusters(emr) == before


def test_no_cluster_is_launched_for_a_published_run(
    published: None, create: CreateCluster, context: Any, emr: EMRClient
) -> None:
    before = clusters(emr)
    with pytest.raises(AirflowFailException, match="start a new run"):
        create.execute(context)
    assert clusters(emr) == before
