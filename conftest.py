"""Signals that end a test run: fixtures end the servers that they have started."""

from __future__ import annotations

from local_aws.processes import interrupts


def pytest_configure() -> None:
    """Interrupt the tests at the first SIGTERM, SIGINT or SIGHUP, so that pytest finalizes all fixtures.

    Without this, SIGTERM ends pytest at once, and the S3 and EMR servers of its tests, which run in sessions of their
    own, keep running.
    """
    interrupts.catch()
