"""The sizes of the containers that a step requests from YARN: executors, and the application master."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verger.settings.instance_types import YARN_MIB, vcpus

# The memory of the steps is Python's. It is outside the JVM's heap, so YARN counts it as overhead. Each core needs a
# Python worker with its libraries and an interpreter of the model, prefetched photos (64 MB at most) and one photo that
# is being decoded (WORKER in verger_photo/limits/sizes.py has the arithmetic).
EXECUTOR_CORES = 2
EXECUTOR_HEAP_MIB = 768
EXECUTOR_OVERHEAD_MIB = 1792

# The driver runs on the primary node. On a worker, YARN runs an application master that only requests executors.
MASTER_CORES = 1
MASTER_HEAP_MIB = 256
MASTER_OVERHEAD_MIB = 256
MASTER_MIB = MASTER_HEAP_MIB + MASTER_OVERHEAD_MIB


def executors(instance_type: str, executor_mib: int) -> int | None:
    """Return how many executors fit on a worker beside the application master.

    For a type whose memory is not in `YARN_MIB`, only its vCPUs count.

    Parameters
    ----------
    instance_type : str
    executor_mib : int
        Heap and overhead of an executor.

    Returns
    -------
    int or None
        None when the name of the type does not give its vCPUs.
    """
    cores = vcpus(instance_type)
    if cores is None:
        return None
    by_cores = max(cores // EXECUTOR_CORES, 1)
    memory = YARN_MIB.get(instance_type)
    return by_cores if memory is None else min(by_cores, (memory - MASTER_MIB) // executor_mib)


def problems(names: Sequence[str], executor_mib: int) -> Iterator[str]:
    """Yield an error message for each worker type on which no executor fits.

    Parameters
    ----------
    names : sequence of str
        Types of the workers.
    executor_mib : int
        Heap and overhead of an executor.
    """
    for name in names:
        if executors(name, executor_mib) == 0:
            most = YARN_MIB[name] - MASTER_MIB
            yield (
                f"VERGER_EXECUTOR_HEAP_MIB, VERGER_EXECUTOR_OVERHEAD_MIB: {executor_mib:,} MiB together; expected at "
                f"most {most:,} for {name}, on which YARN has {YARN_MIB[name]:,} MiB and the application master needs "
                f"{MASTER_MIB}; lower them, or set VERGER_WORKER_INSTANCE_TYPES to larger types"
            )
