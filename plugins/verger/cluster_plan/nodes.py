"""The speed of a worker, and how workers are divided into core and task nodes. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

from verger.cluster_plan import figures
from verger.settings import Cluster, Sizing
from verger.settings.container_sizes import EXECUTOR_CORES, executors
from verger.settings.instance_types import architecture


def vcpu_cores(instance_type: str) -> float:
    """Return the speed of a vCPU, in cores of the machine on which the benchmarks were measured.

    Examples
    --------
    >>> vcpu_cores("c6i.xlarge"), vcpu_cores("m7gd.large")
    (0.5, 0.7)
    """
    if architecture(instance_type) == "aarch64":
        return figures.GRAVITON_CORE
    return figures.X86_CORE * figures.TWO_THREADS / 2


def executor_vcpus(options: Cluster) -> int | None:
    """Return the vCPUs that executors use on each worker, of the type on which the fewest fit.

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
    return EXECUTOR_CORES * min(counts) if found and len(counts) == len(found) else None


def slowest_vcpu(names: Sequence[str]) -> float:
    """Return the speed of a vCPU of the slowest of several instance types."""
    return min(map(vcpu_cores, names))


def least_workers(options: Cluster) -> int:
    """Return the number of workers of a run with few photos."""
    return options.core_on_demand + options.task_spot


def most_workers(options: Cluster, sizing: Sizing) -> int:
    """Return the largest number of workers that a run may launch."""
    return max(sizing.max_workers, least_workers(options))


def core_and_task(workers: int, options: Cluster, sizing: Sizing) -> tuple[int, int]:
    """Divide workers into core nodes (On-Demand) and task nodes (Spot).

    The nodes of the settings come first. Each further node adds to one of the two, so neither number falls when the
    other number of workers grows.

    Parameters
    ----------
    workers : int
        At least `least_workers`.
    options : Cluster
    sizing : Sizing
    """
    added = workers - least_workers(options)
    spot = math.floor(added * sizing.spot_nodes_share + 1e-9) if options.task_spot else 0
    return options.core_on_demand + added - spot, options.task_spot + spot
