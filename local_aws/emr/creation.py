"""Create clusters, instance groups and steps from requests."""

from __future__ import annotations

import itertools
import secrets
from typing import Any

from local_aws.cluster.model import Cluster, Instance, NodeGroup, Step, new_ec2_id, new_id
from local_aws.settings import YARN, Settings
from local_aws.yarn import addresses


def build_cluster(request: dict[str, Any], settings: Settings) -> Cluster:
    """Return a cluster in state STARTING with pending steps. `request` is valid."""
    instances = request.get("Instances") or {}
    collection, groups = build_groups(instances)
    if settings.cluster == YARN:
        addresses.place(groups, settings.yarn_nodes)
    policy = request.get("AutoTerminationPolicy") or {}
    return Cluster(
        id=new_id("j"),
        request={key: value for key, value in request.items() if key not in ("Steps", "Tags")},
        collection=collection,
        groups=groups,
        tags={tag["Key"]: tag.get("Value") or "" for tag in request.get("Tags") or []},
        keep_alive=bool(instances.get("KeepJobFlowAliveWhenNoSteps", False)),
        termination_protected=bool(instances.get("TerminationProtected", False)),
        visible_to_all_users=bool(request.get("VisibleToAllUsers", True)),
        step_concurrency=request.get("StepConcurrencyLevel") or 1,
        steps=[build_step(config, None) for config in request.get("Steps") or []],
        idle_timeout=policy.get("IdleTimeout"),
        managed_scaling=request.get("ManagedScalingPolicy"),
        unhealthy_node_replacement=instances.get("UnhealthyNodeReplacement"),
        yarn=settings.cluster == YARN,
    )


def build_step(config: dict[str, Any], execution_role: str | None) -> Step:
    """Return a pending step."""
    jar = config["HadoopJarStep"]
    return Step(
        id=new_id("s"),
        name=config["Name"],
        action_on_failure=config.get("ActionOnFailure") or "TERMINATE_CLUSTER",
        jar=jar["Jar"],
        args=list(jar.get("Args") or []),
        properties={pair["Key"]: pair.get("Value") or "" for pair in jar.get("Properties") or []},
        main_class=jar.get("MainClass"),
        execution_role=execution_role,
    )


def build_groups(instances: dict[str, Any]) -> tuple[str, list[NodeGroup]]:
    """Return the InstanceCollectionType, and the groups or fleets in `Instances`."""
    if fleets := instances.get("InstanceFleets"):
        return "INSTANCE_FLEET", [_fleet(fleet) for fleet in fleets]
    return "INSTANCE_GROUP", [_group(group) for group in instances.get("InstanceGroups") or _uniform(instances)]


def _uniform(instances: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the groups of a request with MasterInstanceType and InstanceCount: one master, the others core nodes."""
    master = instances["MasterInstanceType"]
    groups = [{"Name": "Primary", "InstanceRole": "MASTER", "InstanceType": master, "InstanceCount": 1}]
    if (rest := instances["InstanceCount"] - 1) > 0:
        core = instances.get("SlaveInstanceType") or master
        groups.append({"Name": "Core", "InstanceRole": "CORE", "InstanceType": core, "InstanceCount": rest})
    return groups


def _group(config: dict[str, Any]) -> NodeGroup:
    return NodeGroup(new_id("ig"), config["InstanceRole"], config, _instances(config.get("InstanceCount") or 0))


def _fleet(config: dict[str, Any]) -> NodeGroup:
    capacity = (config.get("TargetOnDemandCapacity") or 0) + (config.get("TargetSpotCapacity") or 0)
    count = 1 if config["InstanceFleetType"] == "MASTER" else capacity
    return NodeGroup(new_id("if"), config["InstanceFleetType"], config, _instances(count))


def _instances(count: int) -> list[Instance]:
    subnet = secrets.randbelow(200)
    hosts = itertools.islice(itertools.count(10), count)
    return [Instance(new_id("ci"), new_ec2_id(), f"172.31.{subnet}.{host % 250}") for host in hosts]
