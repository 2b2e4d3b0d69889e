"""The record of a cluster that the janitor terminated: janitor/<cluster id>.json."""

from __future__ import annotations

from typing import TypedDict


class ClusterEnd(TypedDict):
    """A cluster for which the janitor requested the termination.

    Attributes
    ----------
    cluster : str
        EMR's id.
    dag, dag_run : str
        Airflow's ids; `dag_run` is empty when the cluster does not have it.
    run : str
        The run id in the bucket.
    launched_at, requested_at : str
        ISO 8601 in UTC. `requested_at` is the time of the request to EMR.
    reason : str
        One sentence.
    """

    cluster: str
    dag: str
    dag_run: str
    run: str
    launched_at: str
    requested_at: str
    reason: str
