"""Signals that end a test run, the profile of Hypothesis, and the options of JVMs."""

from __future__ import annotations

import os

import hypothesis

from local_aws.processes import interrupts
from local_aws.settings import SHORT_STEPS

# The suites run side by side: how long an example takes says nothing.
hypothesis.settings.register_profile("verger", deadline=None)
hypothesis.settings.load_profile("verger")
# The JVMs of the tests live for seconds.
os.environ.setdefault("JDK_JAVA_OPTIONS", SHORT_STEPS)
os.environ.setdefault("VERGER_LOCAL_JAVA_OPTIONS", SHORT_STEPS)


def pytest_configure() -> None:
    """Interrupt the tests at the first SIGTERM, SIGINT or SIGHUP, so that pytest finalizes all fixtures.

    Without this, SIGTERM ends pytest at once, and the S3 and EMR servers of its tests, which run in sessions of their
    own, keep running.
    """
    interrupts.catch()
