"""The id under which a run writes to S3, made from Airflow's."""

from __future__ import annotations

import hashlib
import re

from verger_contract.keys import COMPACTED

LONGEST = 100


def run_id(dag_run_id: str) -> str:
    """A name for the run that is legal in S3 keys, in Hadoop paths and in EMR tags.

    Deterministic: every try of every task of a run gets the same one. Different runs get different ones: what
    replacing or cutting loses is made up for by eight digits of the SHA-256 of the whole.

    >>> run_id("nightly.1")
    'nightly.1'
    >>> run_id("scheduled__2026-11-23T01:00:00+00:00")
    'scheduled__2026-11-23T01-00-00Z-f49c7c8b'
    """
    if not dag_run_id:
        raise ValueError("the dag run id is empty; expected Airflow's run id")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", dag_run_id.replace("+00:00", "Z"))
    name = name.lstrip("._-")[:LONGEST].rstrip(".-")
    if name == dag_run_id and not name.endswith(COMPACTED):
        return name
    digest = hashlib.sha256(dag_run_id.encode()).hexdigest()[:8]
    return f"{name}-{digest}" if name else digest
