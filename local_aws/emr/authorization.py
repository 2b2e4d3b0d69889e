"""The actions of IAM that a request to EMR needs.

The table is "Actions, resources, and condition keys for Amazon Elastic MapReduce" in AWS's Service Authorization
Reference. RunJobFlow has no resource. The actions that it needs for its tags and policies are decided for the new
cluster with the tags of the request: AWS does not document this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_aws.cluster.model import Cluster
from local_aws.iam.evaluator import Request

PREFIX = "elasticmapreduce"
WITHOUT_RESOURCE = {
    *("ListClusters", "RunJobFlow", "ListReleaseLabels", "DescribeReleaseLabel", "ListSupportedInstanceTypes"),
    *("CreateSecurityConfiguration", "DescribeSecurityConfiguration", "DeleteSecurityConfiguration"),
    *("ListSecurityConfigurations", "DescribeJobFlows"),
}
"""Operations on the account."""
OF_LAUNCH = {
    "Tags": "AddTags",
    "AutoTerminationPolicy": "PutAutoTerminationPolicy",
    "ManagedScalingPolicy": "PutManagedScalingPolicy",
}
"""Actions that RunJobFlow needs for a member of its request."""
PASSED = {"ServiceRole": "elasticmapreduce.amazonaws.com", "JobFlowRole": "ec2.amazonaws.com"}
"""Members of RunJobFlow with a role, and the service that gets it. The instance profile has the name of its role."""
NEW = "j-NEW"


def requests(
    operation: str, request: Mapping[str, Any], clusters: Mapping[str, Cluster], account: str, region: str
) -> list[Request]:
    """Return everything that must be allowed.

    Parameters
    ----------
    operation : str
        Such as RunJobFlow.
    request : mapping
    clusters : mapping of str to Cluster
        All clusters by id. A cluster that does not exist has no tags.
    account, region : str
    """
    tags = _request_tags(request)
    if operation in WITHOUT_RESOURCE:
        found = [Request(f"{PREFIX}:{operation}", "*", tags)]
        return found + (_of_launch(request, tags, account, region) if operation == "RunJobFlow" else [])
    ids = request.get("JobFlowIds") or [
        request.get(member) for member in ("ClusterId", "JobFlowId", "ResourceId") if request.get(member)
    ]
    return [
        Request(f"{PREFIX}:{operation}", _arn(one, account, region), {**tags, **_resource_tags(clusters.get(one))})
        for one in ids or [NEW]
    ]


def _of_launch(request: Mapping[str, Any], tags: Mapping[str, str], account: str, region: str) -> list[Request]:
    of_cluster = {name.replace("aws:RequestTag/", "aws:ResourceTag/"): value for name, value in tags.items()}
    more = [
        Request(f"{PREFIX}:{action}", _arn(NEW, account, region), {**tags, **of_cluster})
        for member, action in OF_LAUNCH.items()
        if request.get(member)
    ]
    passed = [
        Request("iam:PassRole", _role(str(request[member]), account), {"iam:PassedToService": service})
        for member, service in PASSED.items()
        if request.get(member)
    ]
    return [*more, *passed]


def _role(name: str, account: str) -> str:
    path = name.partition(":instance-profile/")[2] or name.partition(":role/")[2] or name
    return f"arn:aws:iam::{account}:role/{path}"


def _arn(cluster: str, account: str, region: str) -> str:
    return f"arn:aws:elasticmapreduce:{region}:{account}:cluster/{cluster}"


def _request_tags(request: Mapping[str, Any]) -> dict[str, str]:
    return {f"aws:RequestTag/{tag['Key']}": tag.get("Value") or "" for tag in request.get("Tags") or []}


def _resource_tags(cluster: Cluster | None) -> dict[str, str]:
    return {f"aws:ResourceTag/{key}": value for key, value in cluster.tags.items()} if cluster else {}
