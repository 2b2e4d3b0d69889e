"""The id under which a run writes to S3, derived from Airflow's run id."""

from __future__ import annotations

import hashlib
import re

from verger_contract.keys import COMPACTED

MAX_LENGTH = 100


def run_id(dag_run_id: str) -> str:
    """Return a run id that is legal in S3 keys, Hadoop paths and EMR tags.

    The result is deterministic: every try of every task of a DAG run gets the same id. DAG runs with different ids get
    different ids: where characters are replaced or cut off, eight digits of the SHA-256 of the complete id follow.

    Parameters
    ----------
    dag_run_id
        Airflow's run id.

    Raises
    ------
    ValueError
        The id is empty.

    Examples
    --------
    >>> run_id("scheduled.1")
    'scheduled.1'
    >>> run_id("scheduled__2026-11-23T01:00:00+00:00")
    'scheduled__2026-11-23T01-00-00Z-f49c7c8b'
    """
    if not dag_run_id:
        raise ValueError("the dag run id is empty; expected Airflow's run id")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", dag_run_id.replace("+00:00", "Z"))
    name = name.lstrip("._-")[:MAX_LENGTH].rstrip(".-")
    if name == dag_run_id and not name.endswith(COMPACTED):
        return name
    digest = hashlib.sha256(dag_run_id.encode()).hexdigest()[:8]
    return f"{name}-{digest}" if name else digest
