"""Gathers what the page of all runs shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from verger.clock import now
from verger.publication.model import Publication
from verger.settings import Schedule
from verger_contract.keys import Run
from verger_ui.sources import airflow_runs
from verger_ui.sources.airflow_runs import AirflowRun
from verger_ui.sources.bucket import Bucket
from verger_ui.views.missed_schedule import missed
from verger_ui.views.progress_bars import Bar, bars
from verger_ui.views.run_facts import (
    Json,
    RunFacts,
    State,
    as_published,
    moment,
    of_files,
    of_report,
    time_of,
    with_airflow,
)
from verger_ui.views.trends import Trend, trends
from verger_ui.views.warnings import oddities

PER_PAGE = 25
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
LONG_OVER = timedelta(days=2)
"""A run that Airflow does not know, and that is older, writes no more."""
MOST_UNDATED = 50
"""Runs whose id names no time and which Airflow does not know: of so many it is read when they began; the rest come
last."""


@dataclass(frozen=True)
class InFlight:
    """The run at work: its progress, and the tasks that Airflow runs (or has deferred) just now."""

    run: str
    bars: Sequence[Bar]
    tasks: Sequence[str]
    since: datetime | None


@dataclass(frozen=True)
class Overview:
    """`runs` are those of the page, newest first; `last` is the newest that is over, with what is odd about it."""

    runs: Sequence[RunFacts]
    page: int
    pages: int
    total: int
    last: RunFacts | None
    odd: Sequence[str]
    in_flight: InFlight | None
    publication: Publication | None
    trends: Sequence[Trend]


def overview(bucket: Bucket, schedule: Schedule, page: int) -> Overview:
    """The page of that number, from 1; one beyond the last shows the last."""
    known = airflow_runs.newest()
    ids = ordered(bucket, known)
    pages = max(-(-len(ids) // PER_PAGE), 1)
    page = min(page, pages)
    start = (page - 1) * PER_PAGE
    shown, newest = ids[start : start + PER_PAGE], ids[:PER_PAGE]
    publication = bucket.publication()
    facts = read(bucket, [*newest, *shown], known, publication)
    latest = [facts[run] for run in newest]
    over = [run for run in latest if run.state is not State.IN_FLIGHT]
    flying = at_work(latest, known)
    return Overview(
        runs=[facts[run] for run in shown],
        page=page,
        pages=pages,
        total=len(ids),
        last=over[0] if over else None,
        odd=[*filter(None, [missed(schedule, latest[0].at, now())]), *oddities(over[0], over[1:])] if over else [],
        in_flight=in_flight(bucket, flying.id, flying.at, known.get(flying.id)) if flying else None,
        publication=publication,
        trends=trends([facts[run] for run in shown]),
    )


def ordered(bucket: Bucket, known: Mapping[str, AirflowRun]) -> list[str]:
    """Every run that left something on S3 or that Airflow knows, newest first."""
    ids = {*bucket.runs(), *known}
    times = {run: known[run].at if run in known else time_of(run) for run in ids}
    undated = sorted(run for run, at in times.items() if at is None)
    times |= began(bucket, undated[:MOST_UNDATED])
    return sorted(ids, key=lambda run: (times[run] or LONG_AGO, run), reverse=True)


def began(bucket: Bucket, runs: Iterable[str]) -> dict[str, datetime | None]:
    """When the runs began, from run.json; long ago when that is gone."""
    times = {run: bucket.began.get(run) for run in runs}
    missing = {run: Run(bucket.name, run).marker for run, at in times.items() if at is None}
    said = bucket.jsons(missing.values())
    for run, key in missing.items():
        times[run] = at = moment((said[key] or {}).get("started_at")) or LONG_AGO
        bucket.began.put(run, at)
    return times


def read(
    bucket: Bucket, runs: Iterable[str], known: Mapping[str, AirflowRun], publication: Publication | None
) -> dict[str, RunFacts]:
    """The facts of the runs; what is not remembered is read side by side."""
    names = {run: _as_it_stands(run, known.get(run)) for run in runs}
    found = {
        run: facts for run, name in names.items() if (facts := bucket.finished.get(name) or bucket.unfinished.get(name))
    }
    missing = [run for run in names if run not in found]
    reports = bucket.jsons(Run(bucket.name, run).report_facts for run in missing)
    from_files = _of_files(bucket, [run for run in missing if not reports[Run(bucket.name, run).report_facts]])
    # Of a published run only what failed after it is worth a word.
    asked = (known[run] for run in missing if run in known and (run in from_files or known[run].state == "failed"))
    tasks = airflow_runs.tasks(run.dag_run_id for run in asked)
    for run in missing:
        report, airflow = reports[Run(bucket.name, run).report_facts], known.get(run)
        facts = of_report(run, report) if report else from_files[run]
        facts = as_published(facts, publication)
        facts = with_airflow(facts, airflow, tasks.get(airflow.dag_run_id, ()) if airflow else ())
        (bucket.finished if _settled(facts, airflow) else bucket.unfinished).put(names[run], facts)
        found[run] = facts
    return found


def _as_it_stands(run: str, airflow: AirflowRun | None) -> str:
    return f"{run} {airflow.state} {airflow.ended_at}" if airflow else run


def _settled(facts: RunFacts, airflow: AirflowRun | None) -> bool:
    """Whether another look at the run's files would show the same."""
    if airflow:
        return airflow.settled(now()) or (facts.state is State.PUBLISHED and airflow.state == "success")
    return facts.state is State.PUBLISHED or (facts.at is not None and now() - facts.at > LONG_OVER)


def _of_files(bucket: Bucket, runs: Iterable[str]) -> dict[str, RunFacts]:
    """What they say of themselves. Most runs leave few of the files: a listing of each tells which to ask for."""
    wanted = {run: files(bucket.name, run) for run in runs}
    there = bucket.keys_of(Run(bucket.name, run).folder for run in wanted)
    said = bucket.jsons(key for of_run in wanted.values() for key in of_run.values() if key in there)
    return {
        run: of_files(run, {name: said.get(key) for name, key in of_run.items()}, now())
        for run, of_run in wanted.items()
    }


def files(bucket: str, run: str) -> dict[str, str]:
    """The keys of what a run without a report may have left."""
    keys = Run(bucket, run)
    return {
        "plan": keys.plan,
        "featurize": keys.metrics("featurize"),
        "pca": keys.metrics("pca"),
        "validation": keys.validation,
        "progress": keys.progress,
        "failure": keys.failure,
    }


def at_work(runs: Iterable[RunFacts], known: Mapping[str, AirflowRun]) -> RunFacts | None:
    """Of the runs in flight the one that runs, before those that wait for it; None when none is in flight."""
    flying = [run for run in runs if run.state is State.IN_FLIGHT]
    return next((run for run in flying if run.id not in known or known[run.id].running), next(iter(flying), None))


def in_flight(bucket: Bucket, run: str, since: datetime | None, airflow: AirflowRun | None) -> InFlight:
    """How far the run is."""
    progress: Json | None = bucket.json(Run(bucket.name, run).progress)
    tasks = airflow_runs.tasks([airflow.dag_run_id])[airflow.dag_run_id] if airflow else ()
    busy = [task.task for task in tasks if task.state in ("running", "deferred", "queued", "scheduled")]
    return InFlight(run, bars(progress), busy, since)


def flying(bucket: Bucket, run: str | None = None) -> InFlight | None:
    """A run in flight alone, the one at work when none is named, for the page that looks again; None when it is not.

    What Airflow knows is not read on S3.
    """
    known = airflow_runs.newest()
    if run is None:
        chosen = next((airflow for airflow in known.values() if airflow.running), None)
    else:
        chosen = known.get(run)
        if chosen and not chosen.in_flight:
            return None
    if chosen:
        return in_flight(bucket, chosen.id, chosen.at, chosen)
    looked_at = [run] if run else ordered(bucket, known)[:PER_PAGE]
    perhaps = [id for id in looked_at if id not in known or known[id].in_flight]
    found = at_work(read(bucket, perhaps, known, bucket.publication()).values(), known)
    return in_flight(bucket, found.id, found.at, known.get(found.id)) if found else None
