"""Validation of the nodes of a cluster: groups or fleets, instance types, subnets. With the messages of EMR.

The functions raise ValidationException of moto.
"""

from __future__ import annotations

from typing import Any

from moto.emr.exceptions import ValidationException

from local_aws.cluster import offers, releases
from local_aws.cluster.account import Account

#: Instance types of a fleet, without and with an allocation strategy.
MAX_TYPES, MAX_TYPES_WITH_STRATEGY = 5, 30


def instances(instances: dict[str, Any], label: str, account: Account) -> None:
    """Validate the Instances of a RunJobFlow request for a release."""
    groups, fleets = instances.get("InstanceGroups"), instances.get("InstanceFleets")
    if groups and fleets:
        raise ValidationException("Cannot specify both instance groups and instance fleets.")
    if groups or fleets:
        key = "InstanceRole" if groups else "InstanceFleetType"
        masters = [group for group in groups or fleets or [] if group.get(key) == "MASTER"]
        if len(masters) != 1:
            raise ValidationException(
                f"A cluster must have exactly one MASTER instance group or fleet, found {len(masters)}."
            )
    elif not instances.get("InstanceCount") or not instances.get("MasterInstanceType"):
        raise ValidationException(
            "Instances: InstanceGroups, InstanceFleets or MasterInstanceType with InstanceCount is needed."
        )
    for fleet in fleets or []:
        _fleet(fleet)
    known = {kind["Type"] for kind in releases.instance_types(label)}
    sold = offers.sold(account.region)
    for name in _instance_types(instances):
        if name not in known or (sold is not None and name not in sold):
            raise ValidationException(f"Instance type '{name}' is not supported.")
    named = [instances.get("Ec2SubnetId"), *(instances.get("Ec2SubnetIds") or [])]
    if any(subnet not in account.subnets for subnet in named if subnet):
        raise ValidationException("The supplied ec2SubnetId is not valid.")


def _fleet(fleet: dict[str, Any]) -> None:
    """Validate the number of instance types: a fleet with more than five needs an allocation strategy."""
    kind, count = fleet.get("InstanceFleetType"), len(fleet.get("InstanceTypeConfigs") or [])
    launch = fleet.get("LaunchSpecifications") or {}
    needed = {"OnDemandSpecification": "TargetOnDemandCapacity", "SpotSpecification": "TargetSpotCapacity"}
    missing = [
        name
        for name, capacity in needed.items()
        if fleet.get(capacity) and not (launch.get(name) or {}).get("AllocationStrategy")
    ]
    most = MAX_TYPES if missing else MAX_TYPES_WITH_STRATEGY
    if count > most:
        advice = f" without an AllocationStrategy in {' and '.join(missing)}" if missing else ""
        raise ValidationException(
            f"The instance fleet {kind} specifies {count} instance types; at most {most} are allowed{advice}."
        )


def _instance_types(instances: dict[str, Any]) -> list[str]:
    names: list[Any] = [instances.get("MasterInstanceType"), instances.get("SlaveInstanceType")]
    names += [group.get("InstanceType") for group in instances.get("InstanceGroups") or []]
    for fleet in instances.get("InstanceFleets") or []:
        names += [kind.get("InstanceType") for kind in fleet.get("InstanceTypeConfigs") or []]
    return [name for name in names if name]
