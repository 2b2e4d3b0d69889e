"""Gathers what the page of one run shows, from whatever it left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from verger.clock import now
from verger.publication.model import Publication, Snapshot
from verger.validation.check import outcome
from verger_contract.keys import Run
from verger_contract.step_record import StepRecord
from verger_ui.addresses import STAGES
from verger_ui.sources import airflow_runs, spark_history
from verger_ui.sources.bucket import Bucket
from verger_ui.views.overview import InFlight, files, in_flight
from verger_ui.views.run_facts import (
    Json,
    RunFacts,
    State,
    as_published,
    duration,
    number,
    of_files,
    of_report,
    with_airflow,
)
from verger_ui.views.warnings import oddities


@dataclass(frozen=True)
class Stage:
    """A task of the run; seconds None while it is not over."""

    name: str
    state: str
    seconds: float | None


@dataclass(frozen=True)
class RunPage:
    """`place` says what the run is to the publication; `checks` are rows of validation.json by table, each with its
    `outcome`."""

    facts: RunFacts
    place: str
    odd: Sequence[str]
    in_flight: InFlight | None
    stages: Sequence[Stage]
    longest: float
    checks: Mapping[str, Sequence[Json]]
    changes: Mapping[str, Any]
    cost_says: str
    has_report: bool
    steps: Sequence[StepRecord]
    spark: Mapping[str, str]
    """Stage to the address of its application in Spark's history server."""


def run_page(bucket: Bucket, run: str, history_url: str) -> RunPage | None:
    """The page of a run; None when neither S3 nor Airflow knows it."""
    keys = Run(bucket.name, run)
    there = bucket.keys(keys.folder)
    known = airflow_runs.newest().get(run)
    if not there and known is None:
        return None
    places = files(bucket.name, run) | {"report": keys.report_facts}
    said = bucket.jsons(key for key in places.values() if key in there)
    found = {name: said.get(key) for name, key in places.items()}
    report = found["report"]
    told = report or found["failure"] or {}
    tasks = airflow_runs.tasks([known.dag_run_id])[known.dag_run_id] if known else ()
    publication = bucket.publication()
    facts = as_published(of_report(run, report) if report else of_files(run, found, now()), publication)
    facts = with_airflow(facts, known, tasks)
    stages = [Stage(task.task, task.state, duration(task)) for task in tasks] or _stages(told)
    return RunPage(
        facts=facts,
        place=place(publication, run),
        odd=oddities(facts, []),
        in_flight=in_flight(bucket, run, facts.at, known) if facts.state is State.IN_FLIGHT else None,
        stages=stages,
        longest=max((stage.seconds or 0 for stage in stages), default=0),
        checks=_tables(told.get("checks") or found["validation"] or {}),
        changes=_mapping(told.get("changes")) or _mapping((found["plan"] or {}).get("photos")),
        cost_says=str(_mapping(told.get("cost")).get("explanation") or ""),
        has_report=keys.report in there,
        steps=steps(bucket, there, keys.steps),
        spark={stage: link for stage in STAGES if (link := _history(history_url, stage, found))},
    )


def steps(bucket: Bucket, there: Mapping[str, int], prefix: str) -> list[StepRecord]:
    """The steps that the run submitted, oldest first."""
    said = bucket.jsons(key for key in there if key.startswith(prefix))
    records = []
    for record in said.values():
        try:
            made = StepRecord(**(record or {}))
        except TypeError:  # not what Verger writes
            continue
        if all(isinstance(value, str) for value in asdict(made).values()):
            records.append(made)
    return sorted(records, key=lambda record: record.submitted_at)


def place(publication: Publication | None, run: str) -> str:
    """What the run is to what is published; empty when nothing."""
    kept: Sequence[Snapshot] = publication.kept if publication else ()
    for position, snapshot in enumerate(kept):
        if snapshot.run == run:
            return "what it published is current" if position == 0 else "one can roll back to it"
    return ""


def _history(base: str, stage: str, found: Mapping[str, Json | None]) -> str:
    return spark_history.link(base, spark_history.application_of(found[stage]))


def _stages(report: Json) -> list[Stage]:
    listed = report.get("tasks")
    rows = [row for row in listed if isinstance(row, Mapping)] if isinstance(listed, list) else []
    return [Stage(str(row.get("task")), str(row.get("state", "")), _seconds(row.get("seconds"))) for row in rows]


def _seconds(value: Any) -> float | None:
    return number(value)


def _tables(checks: Any) -> dict[str, list[Json]]:
    return {
        str(table): [{**row, "outcome": outcome(row)} for row in rows if isinstance(row, Mapping)]
        for table, rows in _mapping(checks).items()
        if isinstance(rows, list)
    }


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
