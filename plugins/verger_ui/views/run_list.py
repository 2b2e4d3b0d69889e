"""Lists the runs, newest first, and reads their facts from S3 and Airflow."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from verger.clock import now
from verger.publication.model import Publication
from verger_contract.keys import Run
from verger_ui.sources import airflow_runs, documents
from verger_ui.sources.airflow_runs import AirflowRun
from verger_ui.sources.bucket import Bucket
from verger_ui.views.run_facts import RunFacts, State, of_files, of_report, time_of
from verger_ui.views.run_state import as_published, with_airflow

log = logging.getLogger(__name__)

PER_PAGE = 25
SORTED = 200
"""Newest runs that are sorted and filtered: the facts of each are read on S3."""
COLUMNS: dict[str, Callable[[RunFacts], Any]] = {
    "start": lambda run: run.at,
    "photos": lambda run: run.photos,
    "new": lambda run: run.new,
    "rejected": lambda run: run.rejected,
    "components": lambda run: run.k,
    "variance explained": lambda run: run.explained,
    "photos/s": lambda run: run.rate,
    "duration": lambda run: run.total_seconds,
    "cost": lambda run: run.cost,
}
"""The columns to sort by, and their values."""
COSTS_AT_ONCE = 16
COSTS_DELAY_S = 1.0
"""The page that starts the thread is complete by then."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
LONG_OVER = timedelta(days=2)
"""A run that Airflow does not have, and that is older, writes no more files."""
MOST_UNDATED = 50
"""Runs without a time in their id, and which Airflow does not have. The start of so many is read; the others come
last."""


@dataclass(frozen=True)
class Selection:
    """Which runs a user wants to see, and in which order.

    Attributes
    ----------
    state : str
        A value of State; empty for all.
    sort : str
        A name of COLUMNS; empty for the newest first.
    descending : bool
    """

    state: str = ""
    sort: str = ""
    descending: bool = False

    @property
    def active(self) -> bool:
        """Whether it differs from all runs, newest first."""
        return bool(self.state or self.sort in COLUMNS)

    @property
    def query(self) -> dict[str, str]:
        """The parameters of its address."""
        named = {"state": self.state, "sort": self.sort, "descending": "true" if self.descending else ""}
        return {name: value for name, value in named.items() if value}

    def of(self, runs: Sequence[RunFacts]) -> list[RunFacts]:
        """Return the selected runs in the selected order. Unknown values come last."""
        found = [run for run in runs if not self.state or run.state.value == self.state]
        if self.sort not in COLUMNS:
            return found
        value = COLUMNS[self.sort]
        known = sorted((run for run in found if value(run) is not None), key=value, reverse=self.descending)
        return [*known, *(run for run in found if value(run) is None)]


def ordered(bucket: Bucket, known: Mapping[str, AirflowRun]) -> list[str]:
    """Return the ids of all runs that left files on S3 or that Airflow has, newest first."""
    ids = {*bucket.runs(), *known}
    times = {run: known[run].at if run in known else time_of(run) for run in ids}
    undated = sorted(run for run, at in times.items() if at is None)
    times |= started(bucket, undated[:MOST_UNDATED])
    return sorted(ids, key=lambda run: (times[run] or LONG_AGO, run), reverse=True)


def started(bucket: Bucket, runs: Iterable[str]) -> dict[str, datetime | None]:
    """Return the start of the runs from run.json; LONG_AGO when that file is missing."""
    times = {run: bucket.started.get(run) for run in runs}
    missing = {run: Run(bucket.name, run).marker for run, at in times.items() if at is None}
    found = bucket.jsons(missing.values())
    for run, key in missing.items():
        times[run] = at = documents.Marker.of(found[key]).started_at or LONG_AGO
        bucket.started.put(run, at)
    return times


def read(
    bucket: Bucket, runs: Iterable[str], known: Mapping[str, AirflowRun], publication: Publication | None
) -> dict[str, RunFacts]:
    """Return the facts of the runs. Facts that are not cached are read in parallel."""
    names = {run: _cache_name(run, known.get(run)) for run in runs}
    found = {
        run: facts for run, name in names.items() if (facts := bucket.finished.get(name) or bucket.unfinished.get(name))
    }
    missing = [run for run in names if run not in found]
    reports = bucket.jsons(Run(bucket.name, run).report_facts for run in missing)
    from_files = _of_files(bucket, [run for run in missing if not reports[Run(bucket.name, run).report_facts]])
    # The tasks of a published run matter only when one of them failed.
    with_tasks = (known[run] for run in missing if run in known and (run in from_files or known[run].state == "failed"))
    tasks = airflow_runs.tasks(run.dag_run_id for run in with_tasks)
    for run in missing:
        report, airflow = reports[Run(bucket.name, run).report_facts], known.get(run)
        facts = of_report(run, report) if report else from_files[run]
        facts = as_published(facts, publication)
        facts = with_airflow(facts, airflow, tasks.get(airflow.dag_run_id, ()) if airflow else ())
        (bucket.finished if _settled(facts, airflow) else bucket.unfinished).put(names[run], facts)
        bucket.costs.put(names[run], (facts.at, facts.cost, facts.currency))
        found[run] = facts
    return found


@dataclass(frozen=True)
class Costs:
    """The estimated costs of runs: (start, cost) of the runs that have one, and the number of runs not read yet."""

    known: Sequence[tuple[datetime, float]]
    unread: int
    currency: str


def costs(
    bucket: Bucket, runs: Sequence[str], known: Mapping[str, AirflowRun], publication: Publication | None
) -> Costs:
    """Return the costs of all runs that are cached. A thread reads those of the other runs for the next page.

    A thousand reports take seconds: no page waits for them.
    """
    cached = {run: bucket.costs.get(_cache_name(run, known.get(run))) for run in runs}
    unread = [run for run, found in cached.items() if found is None]
    if unread and bucket.reading_costs.acquire(blocking=False):
        read_costs = partial(_read_costs, bucket, unread, known, publication)
        threading.Thread(target=read_costs, name="verger-ui-costs", daemon=True).start()
    found = [of_run for of_run in cached.values() if of_run]
    return Costs(
        known=[(at, cost) for at, cost, _ in found if at is not None and cost is not None],
        unread=len(unread),
        currency=next((currency for _, cost, currency in found if cost is not None and currency), ""),
    )


def _read_costs(
    bucket: Bucket, runs: Sequence[str], known: Mapping[str, AirflowRun], publication: Publication | None
) -> None:
    """Read the costs in small parts: pages use the same connections."""
    try:
        time.sleep(COSTS_DELAY_S)
        for first in range(0, len(runs), COSTS_AT_ONCE):
            read(bucket, runs[first : first + COSTS_AT_ONCE], known, publication)
    except Exception as error:  # noqa: BLE001 (the next page starts the thread again, and shows errors of S3 itself)
        log.warning("the costs of earlier runs cannot be read: %s", error)
    finally:
        bucket.reading_costs.release()


def _cache_name(run: str, airflow: AirflowRun | None) -> str:
    """Return a name that changes when a task of the run is cleared."""
    return f"{run} {airflow.state} {airflow.ended_at}" if airflow else run


def _settled(facts: RunFacts, airflow: AirflowRun | None) -> bool:
    """Return whether the files of the run change no more."""
    if airflow:
        return airflow.settled(now()) or (facts.state is State.PUBLISHED and airflow.state == "success")
    return facts.state is State.PUBLISHED or (facts.at is not None and now() - facts.at > LONG_OVER)


def _of_files(bucket: Bucket, runs: Iterable[str]) -> dict[str, RunFacts]:
    """Read the facts of runs without a report. One listing per run shows which of the files exist."""
    wanted = {run: files(bucket.name, run) for run in runs}
    existing = bucket.keys_of(Run(bucket.name, run).folder for run in wanted)
    found = bucket.jsons(key for of_run in wanted.values() for key in of_run.values() if key in existing)
    return {
        run: of_files(run, {name: found.get(key) for name, key in of_run.items()}, now())
        for run, of_run in wanted.items()
    }


def files(bucket: str, run: str) -> dict[str, str]:
    """Return the keys of the files that a run without a report may have, by name."""
    keys = Run(bucket, run)
    return {
        "plan": keys.plan,
        "featurize": keys.metrics("featurize"),
        "pca": keys.metrics("pca"),
        "validation": keys.validation,
        "progress": keys.progress,
        "failure": keys.failure,
    }
