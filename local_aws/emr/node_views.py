"""Instance groups, fleets and instances in the shapes of the EMR API."""

from __future__ import annotations

from typing import Any

from local_aws.cluster.model import ENDED, Cluster, ClusterState, Instance, NodeGroup
from local_aws.emr.views import present

#: The state of instances, groups and fleets by the state of their cluster; RUNNING otherwise.
INSTANCE_STATES = {
    ClusterState.STARTING: "PROVISIONING",
    ClusterState.BOOTSTRAPPING: "BOOTSTRAPPING",
    ClusterState.TERMINATED: "TERMINATED",
    ClusterState.TERMINATED_WITH_ERRORS: "TERMINATED",
}


def instance_group(group: NodeGroup, cluster: Cluster) -> dict[str, Any]:
    """Return an InstanceGroup of the EMR API."""
    config = group.config
    ended = cluster.state in ENDED
    return present(
        {
            "Id": group.id,
            "Name": config.get("Name"),
            "Market": config.get("Market", "ON_DEMAND"),
            "InstanceGroupType": group.role,
            "BidPrice": config.get("BidPrice"),
            "InstanceType": config.get("InstanceType"),
            "RequestedInstanceCount": config.get("InstanceCount", len(group.instances)),
            "RunningInstanceCount": 0 if ended else len(group.running),
            "Status": _group_status(group, cluster),
            "Configurations": config.get("Configurations") or [],
            "EbsOptimized": (config.get("EbsConfiguration") or {}).get("EbsOptimized"),
            "EbsBlockDevices": [],
            "ShrinkPolicy": {},
        }
    )


def instance_fleet(group: NodeGroup, cluster: Cluster) -> dict[str, Any]:
    """Return an InstanceFleet of the EMR API. Each running instance is one unit of the provisioned capacity."""
    config = group.config
    ended = cluster.state in ENDED
    on_demand, spot = config.get("TargetOnDemandCapacity", 0), config.get("TargetSpotCapacity", 0)
    running = [index for index, found in enumerate(group.instances) if found.loss is None]
    markets = [_fleet_market(group, index) for index in running]
    return present(
        {
            "Id": group.id,
            "Name": config.get("Name"),
            "InstanceFleetType": group.role,
            "Status": _group_status(group, cluster),
            "TargetOnDemandCapacity": on_demand,
            "TargetSpotCapacity": spot,
            "ProvisionedOnDemandCapacity": 0 if ended else markets.count("ON_DEMAND"),
            "ProvisionedSpotCapacity": 0 if ended else markets.count("SPOT"),
            "InstanceTypeSpecifications": config.get("InstanceTypeConfigs") or [],
            "LaunchSpecifications": config.get("LaunchSpecifications"),
        }
    )


def instance(instance: Instance, group: NodeGroup, cluster: Cluster, index: int) -> dict[str, Any]:
    """Return an Instance of the EMR API; `index` is its number in the group, from 0."""
    fleet = cluster.collection == "INSTANCE_FLEET"
    timeline = {
        "CreationDateTime": group.created,
        "ReadyDateTime": cluster.ready,
        "EndDateTime": loss.time if (loss := instance.loss) else cluster.ended,
    }
    return present(
        {
            "Id": instance.id,
            "Ec2InstanceId": instance.ec2_id,
            "PrivateIpAddress": instance.private_ip,
            "PrivateDnsName": f"ip-{instance.private_ip.replace('.', '-')}.ec2.internal",
            "Status": {
                "State": "TERMINATED" if loss else INSTANCE_STATES.get(cluster.state, "RUNNING"),
                "StateChangeReason": {"Code": loss.code, "Message": loss.message} if loss else {},
                "Timeline": present(timeline),
            },
            "InstanceFleetId" if fleet else "InstanceGroupId": group.id,
            "Market": _fleet_market(group, index) if fleet else group.config.get("Market", "ON_DEMAND"),
            "InstanceType": group.instance_type,
            "EbsVolumes": [],
        }
    )


def _fleet_market(group: NodeGroup, index: int) -> str:
    """Return the market of an instance: the first ones are On-Demand, the others Spot. An instance is one unit."""
    on_demand = group.config.get("TargetOnDemandCapacity") or 0
    return "ON_DEMAND" if (group.role == "MASTER" and on_demand) or index < on_demand else "SPOT"


def _group_status(group: NodeGroup, cluster: Cluster) -> dict[str, Any]:
    timeline = {
        "CreationDateTime": group.created,
        "ReadyDateTime": cluster.ready,
        "EndDateTime": cluster.ended,
    }
    return {
        "State": INSTANCE_STATES.get(cluster.state, "RUNNING"),
        "StateChangeReason": {"Message": ""},
        "Timeline": present(timeline),
    }
