"""The output of `local_aws status` and `local_aws logs`."""

from __future__ import annotations

import time

from local_aws.cluster.model import ENDED, Cluster, ClusterState, Instance, NodeGroup, StepState
from local_aws.cluster.store import Store, is_cluster_id
from local_aws.node.folder import Node
from local_aws.stack import Stack

#: Number of ended clusters in the table.
RECENT = 5


def table(stack: Stack) -> str:
    """Return a table of the servers, the active clusters, and the last RECENT clusters that ended."""
    lines = []
    servers = stack.status()
    for name, server in servers.items():
        state = f"up    pid {server['pid']}" if server["pid"] else "down"
        lines.append(f"{name:7} {server['endpoint']:26} {state}")
    clusters = Store(stack.settings.state / "emr").load_all() if stack.settings.state.exists() else []
    ended = [cluster for cluster in clusters if cluster.state in ENDED][-RECENT:]
    shown = [cluster for cluster in clusters if cluster in ended or cluster.state not in ENDED]
    for cluster in shown:
        lines.append(_line(cluster, supervised=servers["emr"]["pid"] is not None))
        if cluster.yarn and cluster.state not in ENDED:
            lines += [_instance_line(instance, group) for group in cluster.groups for instance in group.instances]
    return "\n".join(lines)


def log_text(stack: Stack, cluster_id: str, step_id: str | None = None) -> str:
    """Return the logs of a cluster or of one step, each file below its name.

    Raises
    ------
    FileNotFoundError
        When the cluster or the step has no logs.
    """
    folder = Node(stack.settings, cluster_id).logs
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if is_cluster_id(cluster_id) else []
    chosen = [path for path in files if step_id is None or path.parent.name == step_id]
    if not chosen:
        raise FileNotFoundError(f"{cluster_id} {step_id or ''}: no logs in {stack.settings.state}")
    texts = [(path, path.read_text(errors="replace").rstrip()) for path in chosen]
    return "\n".join(f"==> {path.relative_to(folder)} <==\n{text}\n" for path, text in texts if text)


def _instance_line(instance: Instance, group: NodeGroup) -> str:
    state = "TERMINATED" if instance.loss else "RUNNING"
    return f"  {instance.ec2_id}  {group.role:6} {group.instance_type or '':12} {instance.private_ip:15} {state}"


def _line(cluster: Cluster, supervised: bool) -> str:
    """Return the line of one cluster. Without a server no process of it runs, whatever state its record has."""
    state, message = str(cluster.state), cluster.reason_message
    if not supervised and cluster.state not in ENDED:
        continues = cluster.state is ClusterState.WAITING
        state = "PAUSED" if continues else "INTERRUPTED"
        message = (
            f"was {cluster.state} when the EMR server ended; the next `up` {'continues' if continues else 'ends'} it"
        )
    done = len(cluster.steps_in(StepState.COMPLETED))
    age = int((cluster.ended or time.time()) - cluster.created)
    steps = f"{done}/{len(cluster.steps)} steps"
    reason = f"  {message}" if message else ""
    return f"{cluster.id:15} {state:22} {steps:11} {age:6} s  {cluster.name}{reason}"
