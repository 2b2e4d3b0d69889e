"""What YARN may give to containers on a node of an instance type."""

from __future__ import annotations

from dataclasses import dataclass

from local_aws.cluster import releases
from local_aws.cluster.model import Cluster, NodeGroup

#: `yarn.nodemanager.resource.memory-mb` by the memory of the instance type, GiB, where it differs from the rule below.
#: Source: AWS, Amazon EMR Release Guide, "Task configuration" (c4.large, c4.xlarge).
EXCEPTIONS_MIB = {3.75: 1792, 7.5: 5632}
#: In the same table, instance types with less memory than this give three quarters of it to YARN (m4.xlarge: 12,288 of
#: 16 GiB), and larger ones give all but 8 GiB (m4.4xlarge: 57,344 of 64 GiB).
LARGE_GIB = 48
RESERVED_GIB = 8
#: Smallest container, the same for all current instance types of the table, MiB.
SMALLEST_CONTAINER_MIB = 32


@dataclass(frozen=True)
class Resources:
    """Memory and vCPUs that YARN may give to the containers of one node."""

    memory_mib: int
    vcpus: int

    def scaled(self, factor: float) -> Resources:
        """Return both multiplied by `factor`, and at least one vCPU."""
        return Resources(int(self.memory_mib * factor), max(1, round(self.vcpus * factor)))


def of_instance_type(name: str, label: str) -> Resources:
    """Return the resources of an instance type in a release of EMR.

    The table of AWS has no recent instance types. Their memory is the one in the answer of EMR's
    ListSupportedInstanceTypes, and the rule of the table is applied to it.

    Raises
    ------
    ValueError
        When the release does not support the instance type.
    """
    for kind in releases.instance_types(label):
        if kind["Type"] == name:
            return Resources(yarn_memory_mib(float(kind["MemoryGB"])), int(kind["VCPU"]))
    raise ValueError(f"{name}: not an instance type of {label}")


def yarn_memory_mib(memory_gib: float) -> int:
    """Return `yarn.nodemanager.resource.memory-mb` for the memory of an instance, GiB."""
    if memory_gib in EXCEPTIONS_MIB:
        return EXCEPTIONS_MIB[memory_gib]
    given = memory_gib * 0.75 if memory_gib < LARGE_GIB else memory_gib - RESERVED_GIB
    return int(given * 1024)


def of_group(group: NodeGroup, cluster: Cluster, scale: float) -> Resources:
    """Return what YARN may give to containers on each node of a group, multiplied by `scale`."""
    label = str(cluster.request.get("ReleaseLabel"))
    return of_instance_type(str(group.instance_type), label).scaled(scale)


def of_workers(cluster: Cluster, scale: float) -> list[Resources]:
    """Return the resources of the groups of workers, from the least to the most memory.

    Raises
    ------
    ValueError
        For a cluster without workers.
    """
    found = [of_group(group, cluster, scale) for group in cluster.workers if group.instances]
    if not found:
        raise ValueError("a cluster without core instances; with VERGER_LOCAL_CLUSTER=yarn it needs at least one")
    return sorted(found, key=lambda resources: resources.memory_mib)
