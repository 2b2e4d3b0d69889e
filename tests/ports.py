"""Free ports for the servers of a test."""

from __future__ import annotations

import contextlib
import random
import socket

STACK_PORTS = 12
"""Ports of one stack of local_aws: eight for S3, one for EMR, and three of an enforced stack."""


def free_ports(count: int = STACK_PORTS) -> int:
    """The first of `count` consecutive ports on loopback that no process listens on."""
    while True:
        first = random.randrange(20_000, 30_000)  # concurrent test runs try different ports
        with contextlib.ExitStack() as probes, contextlib.suppress(OSError):
            for port in range(first, first + count):
                probes.enter_context(socket.create_server(("127.0.0.1", port)))
            return first
