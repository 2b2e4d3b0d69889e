from __future__ import annotations

from typing import Any

import pytest

from tests.plugins.emr.operators.conftest import NewCluster, wait_for
from verger.emr.operators.create_cluster import CreateCluster
from verger.publication.commit import AlreadyPublishedError


def clusters(emr: Any) -> set[str]:
    return {cluster["Id"] for cluster in emr.list_clusters()["Clusters"]}


def test_it_returns_at_once_with_a_cluster_that_carries_its_tags(create: CreateCluster, context: Any, emr: Any) -> None:
    made = create.execute(context)
    cluster = emr.describe_cluster(ClusterId=made)["Cluster"]
    tags = {tag["Key"]: tag["Value"] for tag in cluster["Tags"]}
    assert (tags["verger:dag"], tags["verger:run"]) == ("fruit_features", "run-1")
    assert cluster["AutoTerminate"] is False
    assert emr.get_auto_termination_policy(ClusterId=made)["AutoTerminationPolicy"] == {"IdleTimeout": 3600}


def test_a_retry_adopts_the_cluster_of_the_try_before(
    create: CreateCluster, new_cluster: NewCluster, overrides: dict[str, Any], context: Any, emr: Any
) -> None:
    made = create.execute(context)
    before = clusters(emr)
    retry = new_cluster(overrides)
    assert retry.execute(context) == made
    assert clusters(emr) == before


def test_the_cluster_of_another_run_or_dag_is_not_adopted(
    create: CreateCluster, new_cluster: NewCluster, overrides: dict[str, Any], context: Any, emr: Any
) -> None:
    made = create.execute(context)
    tags = [tag | {"Value": "other"} if tag["Key"] == "verger:dag" else tag for tag in overrides["Tags"]]
    other = new_cluster(overrides | {"Tags": tags})
    assert other.execute(context) != made


def test_a_cluster_that_is_ending_is_not_adopted(create: CreateCluster, context: Any, emr: Any) -> None:
    made = create.execute(context)
    emr.terminate_job_flows(JobFlowIds=[made])
    wait_for(lambda: emr.describe_cluster(ClusterId=made)["Cluster"]["Status"]["State"].startswith("TERMINAT"))
    assert create.execute(context) != made


def test_killed_it_terminates_its_cluster_even_when_it_never_learnt_its_id(
    create: CreateCluster, new_cluster: NewCluster, overrides: dict[str, Any], context: Any, emr: Any
) -> None:
    made = create.execute(context)
    killed = new_cluster(overrides)
    killed.on_kill()
    wait_for(lambda: emr.describe_cluster(ClusterId=made)["Cluster"]["Status"]["State"] == "TERMINATED")


def test_killed_before_there_is_a_cluster_it_does_nothing(create: CreateCluster, emr: Any) -> None:
    before = clusters(emr)
    create.on_kill()
    assert clusters(emr) == before


def test_no_cluster_is_launched_for_a_run_that_is_published(
    published: None, create: CreateCluster, context: Any, emr: Any
) -> None:
    before = clusters(emr)
    with pytest.raises(AlreadyPublishedError, match="start a new run"):
        create.execute(context)
    assert clusters(emr) == before
