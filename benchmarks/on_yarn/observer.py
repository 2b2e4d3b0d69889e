"""Observes the YARN of a cluster of the local EMR: vCPUs of each node, and the memory of containers and driver."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil

from benchmarks.measuring.process_tree import command_of
from local_aws.cluster.model import ENDED, Cluster
from local_aws.cluster.store import Store
from local_aws.processes.cluster import cluster_processes
from local_aws.stack import Stack
from local_aws.yarn import node_manager, resource_manager
from local_aws.yarn.node_manager import Container

INTERVAL_S = 0.5
MIB = 2**20
SUBMIT = "org.apache.spark.deploy.SparkSubmit"


@dataclass(frozen=True)
class Size:
    """Memory and vCPUs that YARN has given to containers on one node, and what it has."""

    used_vcpus: int
    vcpus: int
    used_mib: int
    mib: int


@dataclass(frozen=True)
class Memory:
    """Memory of the processes of a container, or of the driver.

    Attributes
    ----------
    rss_mib : float
        Sum of the resident sets. Memory that several processes share counts for each of them. This is the sum that the
        NodeManager compares with the size of the container.
    pss_mib : float
        The same, but shared memory counts once.
    """

    rss_mib: float = 0.0
    pss_mib: float = 0.0

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.rss_mib + other.rss_mib, self.pss_mib + other.pss_mib)

    def largest(self, other: Memory) -> Memory:
        """Return the larger one of both figures."""
        return Memory(max(self.rss_mib, other.rss_mib), max(self.pss_mib, other.pss_mib))


@dataclass
class Observed:
    """What an observer has seen.

    Attributes
    ----------
    allocations : list of (float, dict)
        Seconds since the cluster had all nodes, and the Size of each node by its address. Only changes are kept.
    containers : dict of str to Container
        All containers, by id.
    memory : dict of str to Memory
        Peak of the memory of each container, by id.
    driver : Memory
        Peak of the memory of spark-submit and its children on the primary node.
    """

    allocations: list[tuple[float, dict[str, Size]]] = field(default_factory=list)
    containers: dict[str, Container] = field(default_factory=dict)
    memory: dict[str, Memory] = field(default_factory=dict)
    driver: Memory = field(default_factory=Memory)

    def peaks(self) -> dict[str, Size]:
        """Return the largest allocation of each node, in the order of the addresses."""
        found: dict[str, Size] = {}
        for _, sizes in self.allocations:
            for node, size in sizes.items():
                before = found.get(node, size)
                used = max(before.used_vcpus, size.used_vcpus), max(before.used_mib, size.used_mib)
                found[node] = Size(used[0], size.vcpus, used[1], size.mib)
        return dict(sorted(found.items(), key=lambda pair: int(pair[0].rpartition(".")[2])))


class Observer:
    """A thread that observes the active clusters of a stack during the body of a `with`.

    Parameters
    ----------
    stack : Stack
        Runs clusters with YARN, one at a time.
    """

    def __init__(self, stack: Stack) -> None:
        self.seen = Observed()
        self._store = Store(stack.settings.state / "emr")
        self._started: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def __enter__(self) -> Observer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            if (cluster := active_cluster(self._store)) is not None and cluster.ready:
                # A node or the cluster may end during a sample.
                with contextlib.suppress(OSError, ValueError):
                    self._sample_nodes(cluster)
                    self._sample_memory(cluster)

    def _sample_nodes(self, cluster: Cluster) -> None:
        sizes = {
            str(node["nodeId"]).partition(":")[0]: _size(node["usedResource"], node["totalResource"])
            for node in resource_manager.nodes(cluster.primary_instance.private_ip)
            if node["state"] == "RUNNING"
        }
        if self._started is None:
            self._started = time.monotonic()
        if not self.seen.allocations or self.seen.allocations[-1][1] != sizes:
            self.seen.allocations.append((time.monotonic() - self._started, sizes))

    def _sample_memory(self, cluster: Cluster) -> None:
        processes = cluster_processes(cluster.id)
        for container, memory in by_container(processes).items():
            self.seen.memory[container] = memory.largest(self.seen.memory.get(container, Memory()))
        driver = sum((memory_of(process) for process in driver_of(processes)), Memory())
        self.seen.driver = self.seen.driver.largest(driver)
        for worker in [instance for group in cluster.workers for instance in group.running]:
            found = node_manager.containers(worker.private_ip)
            self.seen.containers.update({one.id: one for one in found})


def active_cluster(store: Store) -> Cluster | None:
    """Return the newest cluster with YARN that has not ended, None without one."""
    active = [cluster for cluster in store.load_all() if cluster.yarn and cluster.state not in ENDED]
    return max(active, key=lambda cluster: cluster.created, default=None)


def by_container(processes: Iterable[psutil.Process]) -> dict[str, Memory]:
    """Return the memory of the processes of each container, by its id. YARN sets the variable CONTAINER_ID."""
    found: dict[str, Memory] = defaultdict(Memory)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if container := process.environ().get("CONTAINER_ID"):
                found[container] += memory_of(process)
    return found


def driver_of(processes: Iterable[psutil.Process]) -> Iterator[psutil.Process]:
    """Yield the processes of spark-submit on the primary node: its JVM, and the Python driver."""
    for process in processes:
        if SUBMIT in command_of(process):
            yield process
            with contextlib.suppress(psutil.Error):
                yield from process.children(recursive=True)


def memory_of(process: psutil.Process) -> Memory:
    """Return the memory of a process, nothing when it has ended."""
    try:
        full = process.memory_full_info()
    except psutil.Error:
        return Memory()
    return Memory(full.rss / MIB, full.pss / MIB)


def _size(used: dict[str, Any], total: dict[str, Any]) -> Size:
    return Size(used["vCores"], total["vCores"], used["memorySize"], total["memorySize"])
