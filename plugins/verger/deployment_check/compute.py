"""Checks of what EMR and EC2 need: the release, the instance types, the network and the quotas."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verger.deployment_check.checks import Check, ProblemError
from verger.settings import Settings
from verger.settings.instance_types import vcpus

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

TAG = "for-use-with-amazon-emr-managed-policies"
"""EMR's managed policy for the service role (v2) allows only what has this tag with the value `true`."""

ON_DEMAND_QUOTA, SPOT_QUOTA = "L-1216C47A", "L-34B43A08"
"""Codes of EC2's quotas of vCPUs for running instances of the types A, C, D, H, I, M, R, T and Z."""


@dataclass(frozen=True)
class Clients:
    """The boto3 clients of the checks: EMR, EC2 and Service Quotas."""

    emr: EMRClient
    ec2: Any
    quotas: Any


def checks(clients: Clients, settings: Settings) -> Iterator[Check]:
    """Yield the checks of release, instance types, network and quotas."""
    cluster, ec2 = settings.cluster, clients.ec2
    yield Check(
        "EMR release", "elasticmapreduce:ListReleaseLabels", lambda: _release(clients.emr, cluster.release_label)
    )
    types = [*dict.fromkeys((*cluster.primary_instance_types, *cluster.worker_instance_types))]
    yield Check("instance types", "ec2:DescribeInstanceTypeOfferings", lambda: _types(ec2, types))
    if cluster.subnet_ids:
        yield Check("subnets", "ec2:DescribeSubnets, ec2:DescribeVpcs", lambda: _subnets(ec2, cluster.subnet_ids))
    groups = [group for group in cluster.security_groups.values() if group]
    if groups:
        yield Check("security groups", "ec2:DescribeSecurityGroups", lambda: _groups(ec2, groups))
    on_demand, spot = vcpus_at_most(settings)
    yield Check(
        "quota of On-Demand vCPUs",
        "servicequotas:GetServiceQuota",
        lambda: _quota(clients.quotas, ON_DEMAND_QUOTA, on_demand),
    )
    if spot:
        yield Check(
            "quota of Spot vCPUs", "servicequotas:GetServiceQuota", lambda: _quota(clients.quotas, SPOT_QUOTA, spot)
        )


def vcpus_at_most(settings: Settings) -> tuple[int, int]:
    """Return the On-Demand and the Spot vCPUs of the largest cluster that a run may launch, primary node included."""
    cluster, sizing = settings.cluster, settings.sizing
    worker = _largest(cluster.worker_instance_types)
    core, task = cluster.core_on_demand, cluster.task_spot
    added = max(sizing.max_workers - core - task, 0)
    spot = round(added * sizing.spot_nodes_share) if task else 0
    return _largest(cluster.primary_instance_types) + worker * (core + added - spot), worker * (task + spot)


def _largest(types: Iterable[str]) -> int:
    return max((vcpus(name) or 0 for name in types), default=0)


def _release(emr: EMRClient, label: str) -> str:
    known: list[str] = []
    token: dict[str, Any] = {}
    while True:
        page = emr.list_release_labels(**token)
        known += page.get("ReleaseLabels", [])
        if not page.get("NextToken"):
            break
        token = {"NextToken": page["NextToken"]}
    if label not in known:
        raise ProblemError(f"{label} is not among the {len(known)} releases of the region; set VERGER_RELEASE_LABEL")
    return label


def _types(ec2: Any, types: list[str]) -> str:
    filters: Any = [{"Name": "instance-type", "Values": types}]
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(Filters=filters)
    sold = {str(offer["InstanceType"]) for page in pages for offer in page["InstanceTypeOfferings"]}
    missing = [name for name in types if name not in sold]
    if missing:
        raise ProblemError(
            f"not sold in the region: {', '.join(missing)}; set VERGER_PRIMARY_INSTANCE_TYPES and "
            "VERGER_WORKER_INSTANCE_TYPES"
        )
    return f"sold in the region: {', '.join(types)}"


def _subnets(ec2: Any, ids: Iterable[str]) -> str:
    found = ec2.describe_subnets(SubnetIds=[*ids])["Subnets"]
    vpcs = ec2.describe_vpcs(VpcIds=sorted({subnet["VpcId"] for subnet in found}))["Vpcs"]
    _require_tag([*((one["SubnetId"], one) for one in found), *((one["VpcId"], one) for one in vpcs)])
    public = [one["SubnetId"] for one in found if one.get("MapPublicIpOnLaunch")]
    if public:
        raise ProblemError(f"{', '.join(public)}: instances get public addresses; choose private subnets")
    return f"{len(found)} private subnets of {', '.join(one['VpcId'] for one in vpcs)}, with EMR's tag"


def _groups(ec2: Any, ids: Iterable[str]) -> str:
    found = ec2.describe_security_groups(GroupIds=[*ids])["SecurityGroups"]
    _require_tag([(one["GroupId"], one) for one in found])
    return f"{len(found)} groups with EMR's tag"


def _require_tag(resources: Iterable[tuple[str, Any]]) -> None:
    untagged = [name for name, one in resources if {"Key": TAG, "Value": "true"} not in one.get("Tags", [])]
    if untagged:
        command = f"aws ec2 create-tags --resources {' '.join(untagged)} --tags Key={TAG},Value=true"
        raise ProblemError(f"without the tag {TAG}=true: {', '.join(untagged)}; add it: {command}")


def _quota(quotas: Any, code: str, needed: int) -> str:
    value = int(quotas.get_service_quota(ServiceCode="ec2", QuotaCode=code)["Quota"]["Value"])
    if value < needed:
        raise ProblemError(
            f"{value} vCPUs, and the largest cluster needs {needed}; request an increase of {code}, or lower "
            "VERGER_MAX_WORKERS"
        )
    return f"{value} vCPUs, and the largest cluster needs {needed}"
