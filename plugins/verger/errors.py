"""The base of every error that trying again does not mend."""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowFailException


class VergerError(AirflowFailException):
    """Fails its task at once, without retries. The message names the thing, what is wrong with it, and what to do."""
