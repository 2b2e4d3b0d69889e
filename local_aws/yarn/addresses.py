"""The addresses of a cluster: a network 127.x.y.0/24 of its own, in which the daemons use the ports of EMR."""

from __future__ import annotations

import contextlib
import random
import socket

from local_aws.cluster.model import NodeGroup

#: Port of the REST API of the ResourceManager.
RM_WEB_PORT = 8088


def place(groups: list[NodeGroup], most: int) -> None:
    """Give each instance an address, the primary the first one; keep at most `most` workers, core nodes first.

    An address of 127.0.0.0/8 needs no set-up on Linux. Clusters that run at the same time have different networks.
    """
    network = _free_network()
    host = 1
    for group in sorted(groups, key=lambda group: ("MASTER", "CORE", "TASK").index(group.role)):
        if group.role != "MASTER":
            group.instances = group.instances[: max(0, most + 2 - host)]
        for instance in group.instances:
            instance.private_ip = f"{network}.{host}"
            host += 1


def _free_network() -> str:
    """Return the first three numbers of a network in which no process listens on the address of a primary node."""
    while True:
        network = f"127.{random.randrange(64, 255)}.{random.randrange(1, 255)}"
        with contextlib.suppress(OSError), socket.create_server((f"{network}.1", RM_WEB_PORT)):
            return network
