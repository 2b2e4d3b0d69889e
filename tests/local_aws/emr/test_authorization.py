"""The actions of IAM that requests to EMR need."""

from __future__ import annotations

from typing import Any

import pytest

from local_aws.cluster.model import Cluster
from local_aws.emr.authorization import requests
from local_aws.emr.creation import build_cluster
from local_aws.emr.operations import OPERATIONS
from local_aws.settings import Settings

TAGS = [{"Key": "verger", "Value": "cluster"}]
CLUSTER = build_cluster(
    {"Name": "c", "Instances": {"MasterInstanceType": "m6i.xlarge", "InstanceCount": 1}}, Settings()
)
CLUSTER.tags = {"verger": "other"}


def needed(operation: str, request: dict[str, Any]) -> list[str]:
    clusters: dict[str, Cluster] = {CLUSTER.id: CLUSTER}
    found = requests(operation, request, clusters, "1", "eu-west-3")
    return [str(one).replace(f"cluster/{CLUSTER.id}", "cluster/known") for one in found]


def test_a_launch_needs_the_rights_on_its_roles_tags_and_policies() -> None:
    request = {
        "Tags": TAGS,
        "AutoTerminationPolicy": {"IdleTimeout": 60},
        "ServiceRole": "service",
        "JobFlowRole": "arn:aws:iam::1:instance-profile/nodes",
    }
    both = "aws:RequestTag/verger=cluster aws:ResourceTag/verger=cluster"
    assert needed("RunJobFlow", request) == [
        "elasticmapreduce:RunJobFlow * aws:RequestTag/verger=cluster",
        f"elasticmapreduce:AddTags cluster/j-NEW {both}",
        f"elasticmapreduce:PutAutoTerminationPolicy cluster/j-NEW {both}",
        "iam:PassRole role/service iam:PassedToService=elasticmapreduce.amazonaws.com",
        "iam:PassRole role/nodes iam:PassedToService=ec2.amazonaws.com",
    ]


@pytest.mark.parametrize(
    ("operation", "request_of", "expected"),
    [
        ("ListClusters", {}, ["elasticmapreduce:ListClusters *"]),
        ("DescribeCluster", {"ClusterId": CLUSTER.id}, ["elasticmapreduce:DescribeCluster cluster/known TAG"]),
        ("DescribeCluster", {"ClusterId": "j-0"}, ["elasticmapreduce:DescribeCluster cluster/j-0"]),
        (
            "TerminateJobFlows",
            {"JobFlowIds": [CLUSTER.id, "j-0"]},
            ["elasticmapreduce:TerminateJobFlows cluster/known TAG", "elasticmapreduce:TerminateJobFlows cluster/j-0"],
        ),
        ("AddJobFlowSteps", {"JobFlowId": CLUSTER.id}, ["elasticmapreduce:AddJobFlowSteps cluster/known TAG"]),
        (
            "AddTags",
            {"ResourceId": CLUSTER.id, "Tags": TAGS},
            ["elasticmapreduce:AddTags cluster/known aws:RequestTag/verger=cluster TAG"],
        ),
    ],
)
def test_a_request_for_a_cluster_has_the_tags_of_the_cluster(
    operation: str, request_of: dict[str, Any], expected: list[str]
) -> None:
    assert needed(operation, request_of) == [one.replace("TAG", "aws:ResourceTag/verger=other") for one in expected]


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_every_operation_needs_its_action(operation: str) -> None:
    assert needed(operation, {})[0].startswith(f"elasticmapreduce:{operation} ")
