"""End one instance of a cluster with YARN, as EC2 does when it reclaims a Spot instance."""

from __future__ import annotations

import contextlib
import json
import time

import psutil

from local_aws.cluster.model import ENDED, Cluster, Instance
from local_aws.cluster.store import Store
from local_aws.node.folder import Node
from local_aws.processes.identity import ProcessId, is_running
from local_aws.settings import Settings

#: Seconds that the EMR server may take to record the loss.
TIMEOUT_S = 30.0


def interrupt(settings: Settings, name: str) -> str:
    """Kill the daemon of an instance with all its containers; return the id of the cluster.

    There is no warning two minutes before, as there is in AWS.

    Parameters
    ----------
    settings : Settings
        Settings of the stack.
    name : str
        Id of the instance as in the answer of ListInstances: `i-...` or `ci-...`.

    Raises
    ------
    ValueError
        When no active cluster with YARN has a running instance with this id.
    TimeoutError
        When the EMR server does not record the loss.
    """
    cluster, instance = _find(settings, name)
    node = Node(settings, cluster.id)
    if instance.ec2_id != cluster.primary_instance.ec2_id:
        node = node.worker(instance.ec2_id)
    process = ProcessId.from_json(json.loads(node.daemon.read_text())).find() if node.daemon.exists() else None
    if process is None:
        raise ValueError(f"{name}: no daemon of YARN runs on this instance of {cluster.id}")
    # The process is a subreaper: at SIGTERM it sends SIGKILL to everything below it.
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
    deadline = time.monotonic() + TIMEOUT_S
    while is_running(process) or _active(settings, name):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name}: the EMR server has not recorded the loss within {TIMEOUT_S:.0f} s")
        time.sleep(0.1)
    return cluster.id


def _find(settings: Settings, name: str) -> tuple[Cluster, Instance]:
    if (found := _active(settings, name)) is None:
        raise ValueError(f"{name}: expected the id of a running instance of an active cluster with YARN")
    return found


def _active(settings: Settings, name: str) -> tuple[Cluster, Instance] | None:
    for cluster in Store(settings.state / "emr").load_all():
        if cluster.yarn and cluster.state not in ENDED:
            for group in cluster.groups:
                for instance in group.running:
                    if name in (instance.ec2_id, instance.id):
                        return cluster, instance
    return None
