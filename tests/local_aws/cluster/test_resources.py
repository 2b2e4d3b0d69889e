"""What YARN may give to containers, by instance type."""

from __future__ import annotations

import pytest

from local_aws.cluster.model import Cluster, NodeGroup
from local_aws.cluster.resources import Resources, of_instance_type, of_workers, yarn_memory_mib
from local_aws.emr.creation import build_cluster
from local_aws.settings import Settings
from tests.local_aws.clusters import request

RELEASE = "emr-spark-8.1.0"


@pytest.mark.parametrize(
    ("memory_gib", "expected"),
    [  # instance types in AWS's table "Task configuration": c4.large, c4.xlarge, m4.large, c4.2xlarge, r4.xlarge, ...
        (3.75, 1792),
        (7.5, 5632),
        (8.0, 6144),
        (15.0, 11520),
        (16.0, 12288),
        (30.5, 23424),
        (32.0, 24576),
        (60.0, 53248),
        (64.0, 57344),
        (160.0, 155648),
        (256.0, 253952),
        (488.0, 491520),
    ],
)
def test_memory_is_that_of_the_table_of_aws(memory_gib: float, expected: int) -> None:
    assert yarn_memory_mib(memory_gib) == expected


def test_default_worker_types_have_less_memory_than_two_executors_of_3_gib() -> None:
    assert of_instance_type("c6i.xlarge", RELEASE) == Resources(5632, 4)
    assert of_instance_type("c5.xlarge", RELEASE) == Resources(6144, 4)


def test_an_unknown_instance_type() -> None:
    with pytest.raises(ValueError, match=r"c9z\.xlarge: not an instance type of emr-spark-8\.1\.0"):
        of_instance_type("c9z.xlarge", RELEASE)


def test_one_factor_scales_memory_and_vcpus() -> None:
    assert Resources(5632, 4).scaled(0.5) == Resources(2816, 2)
    assert Resources(5632, 4).scaled(0.01).vcpus == 1


def cluster_of(*types: str) -> Cluster:
    cluster = build_cluster(request("sizes"), Settings())
    roles = ["CORE", *["TASK"] * (len(types) - 1)]
    primary = cluster.groups[0]
    cluster.groups = [
        primary,
        *(
            NodeGroup(f"ig-{name}", role, {"InstanceType": name}, primary.instances)
            for name, role in zip(types, roles, strict=False)
        ),
    ]
    return cluster


def test_workers_from_the_least_to_the_most_memory() -> None:
    found = of_workers(cluster_of("m5.xlarge", "c6i.xlarge"), 1)
    assert [one.memory_mib for one in found] == [5632, 12288]
    with pytest.raises(ValueError, match="without core instances"):
        of_workers(cluster_of(), 1)
