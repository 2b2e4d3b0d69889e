"""Signals that end a test run, and the profile of Hypothesis."""

from __future__ import annotations

import hypothesis

from local_aws.processes import interrupts

# The suites run side by side: how long an example takes says nothing.
hypothesis.settings.register_profile("verger", deadline=None)
hypothesis.settings.load_profile("verger")


def pytest_configure() -> None:
    """Interrupt the tests at the first SIGTERM, SIGINT or SIGHUP, so that pytest finalizes all fixtures.

    Without this, SIGTERM ends pytest at once, and the S3 and EMR servers of its tests, which run in sessions of their
    own, keep running.
    """
    interrupts.catch()
