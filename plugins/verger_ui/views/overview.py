"""Gathers the content of the page of all runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verger.clock import now
from verger.publication.model import Publication
from verger.report.thresholds import Limits
from verger.settings import Settings
from verger_ui.sources import airflow_runs
from verger_ui.sources.bucket import Bucket
from verger_ui.sources.documents import ClusterEnd
from verger_ui.views import cluster_ends, warnings
from verger_ui.views.in_progress import InProgress, active_run, in_progress
from verger_ui.views.missed_schedule import missed
from verger_ui.views.run_facts import RunFacts, State
from verger_ui.views.run_list import PER_PAGE, ordered, read
from verger_ui.views.trends import Trend, trends


@dataclass(frozen=True)
class Overview:
    """The content of the page.

    Attributes
    ----------
    runs : sequence of RunFacts
        The runs of the page, newest first.
    page, pages, total : int
        Number of the page, from 1; number of pages; number of runs.
    last : RunFacts or None
        The newest run that has ended.
    warnings : sequence of str
        What needs attention in the last run and in the schedule.
    in_progress : InProgress or None
    publication : Publication or None
    trends : sequence of Trend
    cluster_ends : sequence of ClusterEnd
        The clusters that the janitor terminated last.
    """

    runs: Sequence[RunFacts]
    page: int
    pages: int
    total: int
    last: RunFacts | None
    warnings: Sequence[str]
    in_progress: InProgress | None
    publication: Publication | None
    trends: Sequence[Trend]
    cluster_ends: Sequence[ClusterEnd]


def overview(bucket: Bucket, settings: Settings, page: int) -> Overview:
    """Return the page of that number, from 1; the last page for a larger number."""
    known = airflow_runs.newest()
    ids = ordered(bucket, known)
    pages = max(-(-len(ids) // PER_PAGE), 1)
    page = min(page, pages)
    start = (page - 1) * PER_PAGE
    shown, newest = ids[start : start + PER_PAGE], ids[:PER_PAGE]
    publication = bucket.publication()
    facts = read(bucket, [*newest, *shown], known, publication)
    latest = [facts[run] for run in newest]
    ended = [run for run in latest if run.state is not State.IN_PROGRESS]
    active = active_run(latest, known)
    return Overview(
        runs=[facts[run] for run in shown],
        page=page,
        pages=pages,
        total=len(ids),
        last=ended[0] if ended else None,
        warnings=_warnings(latest, ended, settings),
        in_progress=in_progress(bucket, active.id, active.at, known.get(active.id)) if active else None,
        publication=publication,
        trends=trends([facts[run] for run in shown]),
        cluster_ends=cluster_ends.newest(bucket),
    )


def _warnings(latest: Sequence[RunFacts], ended: Sequence[RunFacts], settings: Settings) -> list[str]:
    if not ended:
        return []
    late = missed(settings.schedule, latest[0].at, now())
    return [*([late] if late else []), *warnings.find(ended[0], ended[1:], Limits.of(settings))]
