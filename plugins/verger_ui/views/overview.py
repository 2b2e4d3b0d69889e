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
from verger_ui.views.published import attention
from verger_ui.views.published.attention import Notice
from verger_ui.views.run_facts import RunFacts, State
from verger_ui.views.run_list import PER_PAGE, SORTED, Selection, costs, ordered, read
from verger_ui.views.trends import Trend, cost_by_month, trends

MOST_WAITING = 1000
"""Objects of one listing of S3."""


@dataclass(frozen=True)
class Overview:
    """The content of the page.

    Attributes
    ----------
    runs : sequence of RunFacts
        The runs of the page, newest first.
    page, pages, total : int
        Number of the page, from 1; number of pages; number of runs.
    selection : Selection
    selected : int
        Number of the selected runs.
    last : RunFacts or None
        The newest run that has ended.
    notices : sequence of Notice
        What needs attention in the publication, the schedule and the last run.
    waiting : int or None
        Photos that wait for the first run, at most MOST_WAITING; None when there is a run.
    in_progress : InProgress or None
    publication : Publication or None
    trends : sequence of Trend
    months : sequence of (str, float)
        Estimated cost of all runs by month, in `currency`.
    costs_unread : int
        Runs whose cost is not read yet.
    currency : str
    cluster_ends : sequence of ClusterEnd
        The clusters that the janitor terminated last.
    """

    runs: Sequence[RunFacts]
    page: int
    pages: int
    total: int
    selection: Selection
    selected: int
    last: RunFacts | None
    notices: Sequence[Notice]
    waiting: int | None
    in_progress: InProgress | None
    publication: Publication | None
    trends: Sequence[Trend]
    months: Sequence[tuple[str, float]]
    costs_unread: int
    currency: str
    cluster_ends: Sequence[ClusterEnd]


def overview(bucket: Bucket, settings: Settings, page: int, selection: Selection) -> Overview:
    """Return the page of that number, from 1; the last page for a larger number."""
    known = airflow_runs.newest()
    ids = all_ids = ordered(bucket, known)
    total, newest, publication = len(ids), ids[:PER_PAGE], bucket.publication()
    if selection.active:
        ids = [run.id for run in selection.of([*read(bucket, ids[:SORTED], known, publication).values()])]
    pages = max(-(-len(ids) // PER_PAGE), 1)
    page = min(page, pages)
    shown = ids[(page - 1) * PER_PAGE : page * PER_PAGE]
    current = publication.current.run or "" if publication else ""
    facts = read(bucket, {*newest, *shown, *([current] if current else ())}, known, publication)
    spent, latest = costs(bucket, all_ids, known, publication), [facts[run] for run in newest]
    ended = [run for run in latest if run.state is not State.IN_PROGRESS]
    active = active_run(latest, known)
    return Overview(
        runs=[facts[run] for run in shown],
        page=page,
        pages=pages,
        total=total,
        selection=selection,
        selected=len(ids),
        waiting=None if total else _waiting(bucket, settings),
        last=ended[0] if ended else None,
        notices=_notices(latest, ended, publication, facts.get(current), settings),
        in_progress=in_progress(bucket, active.id, active.at, known.get(active.id)) if active else None,
        publication=publication,
        trends=trends([facts[run] for run in shown]),
        months=cost_by_month(spent.known),
        costs_unread=spent.unread,
        currency=spent.currency,
        cluster_ends=cluster_ends.newest(bucket),
    )


def _waiting(bucket: Bucket, settings: Settings) -> int:
    """Return the number of photos, at most MOST_WAITING. Hidden files and folder markers are no photos."""
    names = (key.rpartition("/")[2] for key in bucket.keys(settings.storage.images_prefix))
    return sum(bool(name) and not name.startswith((".", "_")) for name in names)


def _notices(
    latest: Sequence[RunFacts],
    ended: Sequence[RunFacts],
    publication: Publication | None,
    current: RunFacts | None,
    settings: Settings,
) -> list[Notice]:
    """Return the notices of the publication, and the warnings of the last run that are not among them."""
    limits = Limits.of(settings)
    found = attention.find(publication, current, settings, latest[0].at if latest else None, now())
    if not ended:
        return found
    last = ended[0]
    is_current = current is not None and current.id == last.id
    sentences = warnings.beside_publication(last, ended[1:]) if is_current else warnings.find(last, ended[1:], limits)
    page = last.airflow_page if last.failed_tasks and last.airflow_page else f"runs/{last.id}"
    return [*found, *(Notice(sentence, "", page, "Open the run") for sentence in sentences)]
