"""Ports for servers of the tests, apart from those of a stack that may be running."""

from __future__ import annotations

import socket


def free_ports(count: int) -> int:
    """The first of `count` consecutive ports on loopback that nobody listens on."""
    for first in range(21_000, 31_000, 100):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise RuntimeError(f"no {count} consecutive free ports between 21000 and 31000")
