"""The kept publications: what each holds, and how to roll back to it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from verger.publication.model import Publication, Snapshot
from verger_contract.keys import owner
from verger_ui.addresses import DAG_ID
from verger_ui.sources.airflow_runs import AirflowRun


@dataclass(frozen=True)
class Kept:
    """A kept publication.

    Attributes
    ----------
    snapshot : Snapshot
    current : bool
    basis_of : str
        The run that fitted the basis; empty for the empty snapshot.
    comparable : bool
        Whether its vectors are comparable with the current ones.
    dag_run_id : str
        Airflow's id of its run; empty when Airflow does not have it.
    command : str
        The command that rolls back to it.
    """

    snapshot: Snapshot
    current: bool
    basis_of: str
    comparable: bool
    dag_run_id: str
    command: str


def publications(publication: Publication | None, known: Mapping[str, AirflowRun]) -> list[Kept]:
    """Return the kept publications, the current one first."""
    if publication is None:
        return []
    current = publication.current
    return [
        Kept(
            snapshot=kept,
            current=kept is current,
            basis_of=owner(kept.basis or ""),
            comparable=kept.basis == current.basis,
            dag_run_id=known[kept.run].dag_run_id if kept.run and kept.run in known else "",
            command=command(kept.run) if kept.run else "",
        )
        for kept in publication.kept
    ]


def command(run: str) -> str:
    """Return the command that starts a rollback to the snapshot of a run."""
    return f"airflow dags trigger {DAG_ID} --conf '{json.dumps({'rollback_to': run})}'"
