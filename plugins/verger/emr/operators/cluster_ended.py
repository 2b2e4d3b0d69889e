"""The message about a cluster that accepts no steps."""

from __future__ import annotations

from airflow.sdk.exceptions import AirflowFailException

from verger.emr.descriptions import LOSS_CODES


class ClusterEndedError(AirflowFailException):
    """The cluster has ended or is ending, so it accepts no steps."""


def ended_message(job_flow_id: str, step: str, reason: str) -> str:
    """Return what was expected and found, and what to do.

    Parameters
    ----------
    job_flow_id : str
    step : str
        The step that the cluster should have run.
    reason : str
        State and reason of the end.
    """
    return (
        f"cluster {job_flow_id}: expected an active cluster for the step {step}, found {reason}; clear create_cluster "
        f"and the tasks downstream of it, and raise {_setting(reason)}"
    )


def _setting(reason: str) -> str:
    if any(code in reason for code in LOSS_CODES):
        return "VERGER_CLUSTER_RETRIES if clusters are often lost"
    return (
        "VERGER_IDLE_MARGIN if the cluster was idle for too long, for example because the DAG was paused between two "
        "steps"
    )
