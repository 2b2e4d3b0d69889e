"""The base class of errors that a retry does not fix."""

from __future__ import annotations


class VergerError(Exception):
    """An error that a retry does not fix. The message names the object, what is wrong with it, and what to do.

    A task that raises it must fail at once, without retries: see `verger.airflow_errors`.
    """
