"""The processes of one local cluster, found by a variable in their environment."""

from __future__ import annotations

import contextlib

import psutil

from local_aws.processes.identity import running_processes

#: Variable in the environment of every process of a cluster; its value is the id of the cluster.
MARKER = "VERGER_LOCAL_CLUSTER_ID"


def cluster_processes(cluster_id: str) -> list[psutil.Process]:
    """Return the running processes of a cluster."""
    found = []
    for process in running_processes():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.environ().get(MARKER) == cluster_id:
                found.append(process)
    return found


def kill_cluster_processes(cluster_id: str) -> list[int]:
    """Send SIGKILL to every process of a cluster; return their pids.

    A second safeguard besides the subreaper: it also works after the subreaper itself was killed.
    """
    killed = []
    for process in cluster_processes(cluster_id):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
            killed.append(process.pid)
    return killed
