"""Ports for the servers of a test, apart from those of a stack that may be running."""

from __future__ import annotations

import contextlib
import random
import socket

STACK_PORTS = 9
"""What one stack of local_aws takes: eight for S3, one for EMR."""


def free_ports(count: int = STACK_PORTS) -> int:
    """The first of `count` consecutive ports on loopback that nobody listens on."""
    while True:
        first = random.randrange(20_000, 30_000)  # two test runs at once should not try the same ones
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
            for port in range(first, first + count):
                probes.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
