from __future__ import annotations

from typing import Any

from tests.plugins.operators.conftest import PLACE, wait_for
from verger.operators.create_cluster import CreateCluster


def clusters(emr: Any) -> set[str]:
    return {cluster["Id"] for cluster in emr.list_clusters()["Clusters"]}


def test_it_returns_at_once_with_a_cluster_that_carries_its_tags(create: CreateCluster, context: Any, emr: Any) -> None:
    made = create.execute(context)
    cluster = emr.describe_cluster(ClusterId=made)["Cluster"]
    tags = {tag["Key"]: tag["Value"] for tag in cluster["Tags"]}
    assert (tags["verger:dag"], tags["verger:run"]) == ("fruit_features", "run-1")
    assert cluster["AutoTerminate"] is False
    assert emr.get_auto_termination_policy(ClusterId=made)["AutoTerminationPolicy"] == {"IdleTimeout": 900}


def test_a_retry_adopts_the_cluster_of_the_try_before(
    create: CreateCluster, overrides: dict[str, Any], context: Any, emr: Any
) -> None:
    made = create.execute(context)
    before = clusters(emr)
    retry = CreateCluster(task_id="create_cluster", emr_conn_id=None, job_flow_overrides=overrides, **PLACE)
    assert retry.execute(context) == made
    assert clusters(emr) == before


def test_the_cluster_of_another_run_or_dag_is_not_adopted(
    create: CreateCluster, overrides: dict[str, Any], context: Any, emr: Any
) -> None:
    made = create.execute(context)
    tags = [tag | {"Value": "other"} if tag["Key"] == "verger:dag" else tag for tag in overrides["Tags"]]
    other = CreateCluster(
        task_id="create_cluster", emr_conn_id=None, job_flow_overrides=overrides | {"Tags": tags}, **PLACE
    )
    assert other.execute(context) != made


def test_a_cluster_that_is_ending_is_not_adopted(create: CreateCluster, context: Any, emr: Any) -> None:
    made = create.execute(context)
    emr.terminate_job_flows(JobFlowIds=[made])
    wait_for(lambda: emr.describe_cluster(ClusterId=made)["Cluster"]["Status"]["State"].startswith("TERMINAT"))
    assert create.execute(context) != made


def test_killed_it_terminates_its_cluster_even_when_it_never_learnt_its_id(
    create: CreateCluster, overrides: dict[str, Any], context: Any, emr: Any
) -> None:
    made = create.execute(context)
    killed = CreateCluster(task_id="create_cluster", emr_conn_id=None, job_flow_overrides=overrides, **PLACE)
    killed.on_kill()
    wait_for(lambda: emr.describe_cluster(ClusterId=made)["Cluster"]["Status"]["State"] == "TERMINATED")


def test_killed_before_there_is_a_cluster_it_does_nothing(create: CreateCluster, emr: Any) -> None:
    before = clusters(emr)
    create.on_kill()
    assert clusters(emr) == before
