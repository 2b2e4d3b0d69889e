"""The nodes of the cluster: its instance fleets, the executors that fit on them, and the limits of managed scaling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from verger.settings import Cluster
from verger.settings.container_sizes import EXECUTOR_CORES, MASTER_CORES, executors
from verger.settings.instance_types import vcpus


def fleets(options: Cluster) -> list[dict[str, Any]]:
    """Return the InstanceFleets of a RunJobFlow request.

    Each fleet has an allocation strategy: without one, EMR accepts five instance types at most.

    Parameters
    ----------
    options : Cluster
    """
    core = _on_demand("core", "CORE", options.core_on_demand, options.worker_instance_types, options)
    found = [_on_demand("primary", "MASTER", 1, options.primary_instance_types, options), core]
    if options.task_spot:
        spot = {
            "AllocationStrategy": "price-capacity-optimized",
            "TimeoutDurationMinutes": 10,
            "TimeoutAction": "SWITCH_TO_ON_DEMAND",
        }
        found.append(
            {
                "Name": "task",
                "InstanceFleetType": "TASK",
                "TargetSpotCapacity": options.task_spot,
                "InstanceTypeConfigs": _instance_types(options.worker_instance_types, options),
                "LaunchSpecifications": {"SpotSpecification": spot},
            }
        )
    return found


def _on_demand(name: str, kind: str, capacity: int, types: Sequence[str], options: Cluster) -> dict[str, Any]:
    return {
        "Name": name,
        "InstanceFleetType": kind,
        "TargetOnDemandCapacity": capacity,
        "InstanceTypeConfigs": _instance_types(types, options),
        "LaunchSpecifications": {"OnDemandSpecification": {"AllocationStrategy": "lowest-price"}},
    }


def _instance_types(names: Sequence[str], options: Cluster) -> list[dict[str, Any]]:
    volume = {"VolumeSpecification": {"VolumeType": "gp3", "SizeInGB": options.ebs_data_gib}, "VolumesPerInstance": 1}
    return [
        {"InstanceType": name, "WeightedCapacity": 1, "EbsConfiguration": {"EbsBlockDeviceConfigs": [volume]}}
        for name in names
    ]


def compute_limits(options: Cluster) -> dict[str, Any]:
    """Return the limits of managed scaling.

    The minimum is the number of nodes at launch, and the maximum is never below it. With a lower minimum, EMR may
    remove the task nodes while Airflow checks the features of step 1, and step 2 starts without them.

    Parameters
    ----------
    options : Cluster
    """
    at_launch = options.core_on_demand + options.task_spot
    return {
        "UnitType": "InstanceFleetUnits",
        "MinimumCapacityUnits": at_launch,
        "MaximumCapacityUnits": max(options.scale_up_to, at_launch),
        "MaximumOnDemandCapacityUnits": options.core_on_demand,
        "MaximumCoreCapacityUnits": options.core_on_demand,
    }


def executor_cores(options: Cluster) -> int | None:
    """Return the cores of the executors that fit on all workers, those that managed scaling may add included.

    Parameters
    ----------
    options : Cluster

    Returns
    -------
    int or None
        None when the name of a type does not give its vCPUs.
    """
    size = options.executor_heap_mib + options.executor_overhead_mib
    found = [executors(name, size) for name in options.worker_instance_types]
    counts = [count for count in found if count is not None]
    if len(counts) < len(found):
        return None
    nodes = max(options.core_on_demand + options.task_spot, options.scale_up_to)
    all_executors = min(counts) * nodes
    # Without the additional vcore, the application master takes the cores of an executor.
    return EXECUTOR_CORES * max(all_executors if node_vcores(options) else all_executors - 1, 1)


def node_vcores(options: Cluster) -> int | None:
    """Return the vcores that YARN gets on each worker: one more than its vCPUs, for the application master.

    The application master takes one vcore and hardly any CPU time. Without the additional vcore, only one executor of
    two cores fits beside it on a worker with four vCPUs.

    Parameters
    ----------
    options : Cluster

    Returns
    -------
    int or None
        None when the workers have different numbers of vCPUs: the configuration of a cluster holds for all its nodes.
    """
    cores = {vcpus(name) for name in options.worker_instance_types}
    only = cores.pop() if len(cores) == 1 else None
    return only + MASTER_CORES if only else None
