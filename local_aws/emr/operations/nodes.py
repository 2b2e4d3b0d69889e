"""Operations on the instances, instance groups and instance fleets of a cluster."""

from __future__ import annotations

from moto.emr.exceptions import InvalidRequestException, ValidationException

from local_aws.emr import node_views, views
from local_aws.emr.creation import build_groups
from local_aws.emr.operations.request import Answer, Request, changeable, find_cluster, page
from local_aws.emr.service import Service


def list_instances(service: Service, request: Request) -> Answer:
    """List the instances of a cluster."""
    cluster = find_cluster(service, request["ClusterId"])
    fleet = request.get("InstanceFleetType")
    roles = [fleet] if fleet else request.get("InstanceGroupTypes")
    group_id = request.get("InstanceGroupId") or request.get("InstanceFleetId")
    states = request.get("InstanceStates")
    found = [
        node_views.instance(instance, group, cluster, index)
        for group in cluster.groups
        if (not roles or group.role in roles) and (not group_id or group.id == group_id)
        for index, instance in enumerate(group.instances)
    ]
    return page("Instances", [i for i in found if not states or i["Status"]["State"] in states], request)


def list_instance_groups(service: Service, request: Request) -> Answer:
    """List the instance groups of a cluster."""
    cluster = find_cluster(service, request["ClusterId"])
    if cluster.collection != "INSTANCE_GROUP":
        raise InvalidRequestException(_exclusive("ListInstanceGroups", "instance fleets", "ListInstanceFleets"))
    return page("InstanceGroups", [node_views.instance_group(group, cluster) for group in cluster.groups], request)


def list_instance_fleets(service: Service, request: Request) -> Answer:
    """List the instance fleets of a cluster."""
    cluster = find_cluster(service, request["ClusterId"])
    if cluster.collection != "INSTANCE_FLEET":
        raise InvalidRequestException(_exclusive("ListInstanceFleets", "instance groups", "ListInstanceGroups"))
    return page("InstanceFleets", [node_views.instance_fleet(group, cluster) for group in cluster.groups], request)


def add_instance_groups(service: Service, request: Request) -> Answer:
    """Add instance groups to a cluster."""
    cluster = changeable(service, request["JobFlowId"])
    if cluster.collection != "INSTANCE_GROUP":
        raise InvalidRequestException("Instance groups cannot be added to a cluster that uses instance fleets.")
    if cluster.yarn:
        raise ValidationException(f"{cluster.id}: local_aws does not add nodes to a cluster with YARN.")
    made = build_groups({"InstanceGroups": request["InstanceGroups"]})[1]
    cluster.groups += made
    service.save(cluster)
    return {
        "JobFlowId": cluster.id,
        "InstanceGroupIds": [group.id for group in made],
        "ClusterArn": views.cluster_arn(cluster.id, service.settings.region),
    }


def _exclusive(operation: str, used: str, instead: str) -> str:
    return (
        "Instance fleets and instance groups are mutually exclusive. The EMR cluster specified in the request"
        f" uses {used}. The {operation} request does not support clusters that use {used}. Use the {instead}"
        " request instead."
    )
