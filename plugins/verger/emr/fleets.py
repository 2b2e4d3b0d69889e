"""The nodes of the cluster: its instance fleets, the executors that fit on them, and the limits of managed scaling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from verger.cluster_plan.limits import step_limits
from verger.cluster_plan.nodes import executor_vcpus
from verger.cluster_plan.plan import ClusterPlan, in_words
from verger.emr.idle import idle_seconds
from verger.settings import Cluster, Settings
from verger.settings.container_sizes import EXECUTOR_CORES, MASTER_CORES
from verger.settings.instance_types import vcpus


class SupportsSizes(Protocol):
    """A mapping of names to values, or Airflow's XComArg of a task that pushes them."""

    def __getitem__(self, key: str, /) -> Any:
        """Return a value, or its XComArg."""


def sizes(settings: Settings, planned: ClusterPlan) -> dict[str, Any]:
    """Return the parts of the requests that depend on the photos of a run.

    Parameters
    ----------
    settings : Settings
    planned : ClusterPlan

    Returns
    -------
    dict
        `fleets` and `compute_limits` as members of the request have them; `idle_seconds`; `cores`: those of all
        executors, or None; `step_minutes`: the time limit of each step; `cluster_plan`: nodes, minutes and cost in
        words.
    """
    return {
        **_sizes(planned.options(settings.cluster)),
        "idle_seconds": idle_seconds(settings, planned.listed),
        "step_minutes": step_limits(planned, settings.schedule),
        "cluster_plan": in_words(planned),
    }


def sizes_of_settings(settings: Settings) -> dict[str, Any]:
    """Return `sizes` of the numbers of the settings, without a plan."""
    return {**_sizes(settings.cluster), "idle_seconds": settings.cluster.idle_timeout}


def _sizes(options: Cluster) -> dict[str, Any]:
    return {
        "fleets": fleets(options),
        "compute_limits": compute_limits(options),
        "cores": executor_cores(options),
    }


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
    on_a_node = executor_vcpus(options)
    if on_a_node is None:
        return None
    cores = on_a_node * max(options.core_on_demand + options.task_spot, options.scale_up_to)
    # Without the additional vcore, the application master takes the cores of an executor.
    return max(cores if node_vcores(options) else cores - EXECUTOR_CORES, EXECUTOR_CORES)


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
